package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/app"
	"github.com/zonehold/zonehold/problem"
)

// Rules of output: results on stdout, everything else on stderr; colour only
// on a terminal without NO_COLOR; a mark never stands without its word; text
// from strangers has been made safe by package problem before it comes here.

// paint colours text when stdout is a terminal.
func (c *cli) paint(code, text string) string {
	if !c.colour() {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (c *cli) colour() bool {
	return c.terminal != nil && !c.noColor && c.env("NO_COLOR") == "" && c.env("TERM") != "dumb"
}

// width is how many columns text may take: those of the terminal if they are
// a readable number.
func (c *cli) width() int {
	const narrow, wide = 60, 100
	if c.terminal == nil {
		return wide
	}
	columns, _, err := term.GetSize(int(c.terminal.Fd()))
	if err != nil || columns <= 0 {
		return wide
	}
	return min(max(columns, narrow), wide)
}

const (
	bold   = "1"
	dim    = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
)

func (c *cli) printJSON(v any) error {
	enc := json.NewEncoder(c.stdout)
	enc.SetEscapeHTML(false)
	if !c.jsonl {
		enc.SetIndent("", "  ")
	}
	return enc.Encode(v)
}

// warn tells of what was tolerated.
func (c *cli) warn(text string) {
	switch {
	case c.json || c.jsonl:
		enc := json.NewEncoder(c.stderr)
		enc.SetEscapeHTML(false)
		_ = enc.Encode(map[string]string{"warning": text})
	case !c.quiet:
		fmt.Fprintf(c.stderr, "zonehold: warning: %s\n", text)
	}
}

// printProblem prints the four parts of a failure.
func (c *cli) printProblem(w io.Writer, p *problem.Problem) {
	const margin = 18
	row := func(label, text string) {
		if text == "" {
			return
		}
		lines := []string{text}
		if label != "See it yourself" { // a command line stays one line
			lines = app.Fold(text, c.width()-margin)
		}
		for _, line := range lines {
			fmt.Fprintf(w, "  %s %s\n", c.paint(dim, fmt.Sprintf("%-15s", label)), line)
			label = ""
		}
	}
	row("Looked for", p.LookedFor)
	row("Found", p.Found)
	for i, fix := range p.Fixes {
		label := ""
		if i == 0 {
			label = "To change"
		}
		row(label, fix)
	}
	row("See it yourself", p.SeeItYourself)
	row("Who acts", whoActs(p))
}

func whoActs(p *problem.Problem) string {
	who := map[problem.Actor]string{
		problem.Owner: "you, the owner of the domain", problem.DNSHost: "the DNS host", problem.WebHost: "the web host",
		problem.Registrar: "the registrar", problem.MailHost: "the mail host", problem.Us: "us; nothing changes for you", problem.Nobody: "nobody; this passes by itself",
	}[p.WhoActs]
	if p.RetryAfterSeconds > 0 {
		who += "; try again in " + duration(time.Duration(p.RetryAfterSeconds)*time.Second)
	}
	return who
}

func (c *cli) printNotes(w io.Writer, notes []problem.Problem) {
	for _, n := range notes {
		text := n.Title
		if n.Found != "" {
			text += ": " + n.Found
		}
		const margin = 9
		lines := app.Fold(text, c.width()-margin)
		lines[len(lines)-1] += "  " + c.paint(dim, string(n.Code))
		fmt.Fprintf(w, "  %s %s\n", c.paint(yellow, "⚠ note"), strings.Join(lines, "\n"+strings.Repeat(" ", margin)))
	}
}

func (c *cli) printSteps(w io.Writer, steps []zonehold.Step) {
	for _, s := range steps {
		mark := c.paint(green, "ok ")
		if !s.OK {
			mark = c.paint(red, "no ")
		}
		fmt.Fprintf(w, "  %s %7s  %-18s %s  %s\n", mark, milliseconds(s.Duration), s.Name, s.Target, c.paint(dim, s.Result))
	}
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.1fms", float64(d)/float64(time.Millisecond))
}

// duration prints a span as people say it.
func duration(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%d days", int(d.Hours()+12)/24)
	case d >= 2*time.Hour:
		return fmt.Sprintf("%d hours", int(d.Hours()+0.5))
	case d >= 2*time.Minute:
		return fmt.Sprintf("%d minutes", int(d.Minutes()+0.5))
	case d >= 1500*time.Millisecond:
		return fmt.Sprintf("%d seconds", int(d.Seconds()+0.5))
	case d >= time.Second:
		return "1 second"
	}
	return fmt.Sprintf("%d ms", max(d.Milliseconds(), 1))
}

// printChallenges prints what to place, one method after the other.
func (c *cli) printChallenges(w io.Writer, challenges []zonehold.Challenge) {
	for _, ch := range challenges {
		if ch.Automatic {
			continue
		}
		name := c.paint(bold, strings.ReplaceAll(string(ch.Method), "_", "-"))
		switch {
		case !ch.Applicable:
			fmt.Fprintf(w, "  %s  not possible here: %s\n", name, ch.Reason)
		case ch.Record != nil:
			c.printRecord(w, name, ch.Record.Type, ch.Record.Name, ch.Record.RelativeName, ch.Record.Value)
		case ch.File != nil:
			c.printFile(w, name, ch.File.URLs, ch.File.Content)
		case ch.Tag != nil:
			c.printTag(w, name, ch.Tag.HTML)
		}
	}
}

func (c *cli) printRecord(w io.Writer, method, rtype, name, relative, value string) {
	fmt.Fprintf(w, "  %s\n    Type   %s\n    Name   %s\n", method, rtype, name)
	if relative != name {
		fmt.Fprintf(w, "           in a panel that adds the domain by itself: %s\n", relative)
	}
	fmt.Fprintf(w, "    Value  %s\n", value)
}

func (c *cli) printFile(w io.Writer, method string, urls []string, content string) {
	fmt.Fprintf(w, "  %s\n    URL    %s\n", method, strings.Join(urls, "\n        or "))
	if content == "" {
		content = "(empty)"
	}
	fmt.Fprintf(w, "    Body   %s\n", strings.ReplaceAll(strings.TrimRight(content, "\n"), "\n", "\n           "))
}

func (c *cli) printTag(w io.Writer, method, html string) {
	fmt.Fprintf(w, "  %s\n    Tag    %s\n           in the <head> of the home page\n", method, html)
}

// table prints rows in columns that are as wide as their longest cell. The
// first column is a mark, the last may be of any length.
type table struct{ rows [][]string }

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

func (t *table) print(w io.Writer) {
	var widths []int
	for _, row := range t.rows {
		for i, cell := range row[1:] {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, row := range t.rows {
		var b strings.Builder
		for i, cell := range row[1:] {
			if widths[i] > 0 {
				fmt.Fprintf(&b, "  %s%s", cell, strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)))
			}
		}
		fmt.Fprintf(w, "  %s %s\n", row[0], strings.TrimSpace(b.String()))
	}
}
