package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/diagnose"
	"github.com/zonehold/zonehold/internal/app"
)

func (c *cli) explainCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "explain DOMAIN",
		Short: "Show who serves a domain and which methods could prove it (no server needed)",
		Long: `Show the delegation, the name servers and their provider, whether DNSSEC
validates, who the domain is registered with, the records, how the site is
reached, and which methods could prove the domain.

Exit code 0: answered. 12: no such domain. 5: our own network could not ask.
1: the name servers could not be learned. 4: --timeout was over before.`,
		Args: exactly("DOMAIN"),
		RunE: func(cmd *cobra.Command, args []string) error { return c.explain(cmd, args[0]) },
	}
	c.settingFlags(cmd, probeSettings...)
	return cmd
}

func (c *cli) explain(cmd *cobra.Command, domain string) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	host, err := parseName(domain)
	if err != nil {
		return err
	}
	kit, err := newKit(cfg)
	if err != nil {
		return err
	}
	ctx, cancel := c.deadline(cmd.Context(), 45*time.Second)
	defer cancel()
	registration := make(chan *registrationJSON, 1)
	go func() { registration <- lookUpRegistration(ctx, kit, host) }()
	s := survey{Survey: diagnose.Explore(ctx, kit, host)}
	s.DNSSEC = dnssecOf(ctx, kit, s.Survey)
	s.Registration = <-registration
	s.withoutPlacing()
	if err := cmd.Context().Err(); err != nil {
		return err
	}
	if ctx.Err() != nil || s.Err != "" && c.spent(ctx) {
		return timeUp()
	}
	if c.json || c.jsonl {
		if err := c.printJSON(s); err != nil {
			return err
		}
	} else {
		c.printSurvey(s)
	}
	c.printStepsIfAsked(s.Steps)
	switch {
	case s.OurFault:
		return answered(exitPartial, "verifier_fault")
	case s.Unregistered:
		return answered(exitNotFound, "domain_not_registered")
	case s.Err != "":
		return answered(exitError_, "delegation_unknown")
	}
	return nil
}

func (c *cli) mark(ok bool) string {
	if ok {
		return c.paint(green, "✔")
	}
	return c.paint(red, "✘")
}

func (c *cli) printSurvey(s survey) {
	w := c.stdout
	head := func(text string) { fmt.Fprintf(w, "\n%s\n", c.paint(bold, text)) }
	fmt.Fprintf(w, "%s", c.paint(bold, displayName(zonehold.Hostname(s.Hostname))))
	if s.Registrable != "" && s.Registrable != s.Hostname {
		fmt.Fprintf(w, "  below %s", displayName(zonehold.Hostname(s.Registrable)))
	}
	fmt.Fprintln(w)
	if s.Err != "" {
		fmt.Fprintf(w, "  %s %s\n", c.mark(false), s.Err)
	}
	if s.Delegated {
		head("Name servers")
		c.printDelegation(s)
	}
	if r := s.Registration; r != nil && !s.Unregistered {
		head("Registration")
		c.printRegistration(r)
	}
	if s.Delegated {
		head("Records")
		c.printRecords(s)
		head("Web")
		c.printWeb(s)
	}
	head("Methods")
	for _, m := range s.Methods {
		why := "cannot work: " + m.Reason
		if m.Works {
			why = joinNonEmpty(" ", "would work", m.Reason) + "; covers " + map[zonehold.Covers]string{
				zonehold.CoversSubtree: "the name and everything below", zonehold.CoversHost: "this host"}[m.Covers]
		}
		fmt.Fprintf(w, "  %s %-11s %s\n", c.mark(m.Works), word(m.Method), why)
	}
	if len(s.Remarks) > 0 {
		head("Remarks")
		const margin = 4
		for _, r := range s.Remarks {
			fmt.Fprintf(w, "  %s %s\n", c.paint(yellow, "⚠"), strings.Join(app.Fold(r, c.width()-margin), "\n    "))
		}
	}
}

func (c *cli) printDelegation(s survey) {
	parent := s.Parent
	if parent == "" {
		parent = "the root"
	}
	line := "zone " + s.Zone + ", delegated by " + parent
	if s.DNSHost != nil {
		line += ", served by " + s.DNSHost.Name
		if s.DNSHost.ControlPanelURL != "" {
			line += " (" + s.DNSHost.ControlPanelURL + ")"
		}
	}
	fmt.Fprintf(c.stdout, "  %s\n", strings.Join(app.Fold(line, c.width()-2), "\n  "))
	c.printDNSSEC(s)
	var t table
	for _, ns := range s.Servers {
		detail := ns.Detail
		if ns.Status == "ok" {
			detail = strings.TrimSuffix(fmt.Sprintf("serial %d, %d ms, %s", ns.Serial, max(ns.RTTMS, 1), detail), ", ")
		}
		t.add(c.mark(ns.Status == "ok"), ns.Name, ns.Addr, strings.ReplaceAll(ns.Status, "_", " "), detail)
	}
	t.print(c.stdout)
}

func (c *cli) printRecords(s survey) {
	if len(s.Records) == 0 {
		fmt.Fprintln(c.stdout, "  none at this name")
	}
	for _, r := range s.Records {
		note := ""
		if !r.Agreed {
			note = "  " + c.paint(yellow, "⚠ the name servers differ")
		}
		for _, v := range r.Values {
			fmt.Fprintf(c.stdout, "  %-6s %s%s\n", r.Type, v, note)
		}
	}
}

func (c *cli) printWeb(s survey) {
	if len(s.Aliases) > 0 {
		fmt.Fprintf(c.stdout, "  an alias to %s\n", strings.Join(s.Aliases, ", then "))
	}
	var t table
	for _, ws := range s.Web {
		answer := fmt.Sprintf("status %d", ws.Status)
		if ws.Error != "" {
			answer = strings.ReplaceAll(ws.Error, "_", " ")
		}
		if ws.FinalURL != "" {
			answer += " at " + ws.FinalURL
		}
		t.add(c.mark(ws.Error == ""), ws.URL, ws.Addr, answer, ws.TLS)
	}
	t.print(c.stdout)
}
