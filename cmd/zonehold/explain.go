package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/diagnose"
)

func (c *cli) explainCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "explain DOMAIN",
		Short: "Show who serves a domain and which methods could prove it (no server needed)",
		Long: `Show the delegation, the name servers and their provider, the records, how the
site is reached, and which methods could prove the domain.

Exit code 0: answered. 12: no such domain. 5: our own network could not ask.`,
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
	host, err := zonehold.ParseHostname(domain)
	if err != nil {
		return &exitError{code: exitUsage, name: "hostname_invalid", message: err.Error()}
	}
	kit, err := newKit(cfg)
	if err != nil {
		return err
	}
	ctx, cancel := c.deadline(cmd.Context(), 45*time.Second)
	defer cancel()
	s := diagnose.Explore(ctx, kit, host)
	if err := cmd.Context().Err(); err != nil {
		return err
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
	case !s.Delegated:
		return answered(exitNotFound, "domain_not_delegated")
	}
	return nil
}

func (c *cli) printSurvey(s diagnose.Survey) {
	w := c.stdout
	head := func(text string) { fmt.Fprintf(w, "\n%s\n", c.paint(bold, text)) }
	mark := func(ok bool) string {
		if ok {
			return c.paint(green, "✔")
		}
		return c.paint(red, "✘")
	}
	fmt.Fprintf(w, "%s", c.paint(bold, displayName(zonehold.Hostname(s.Hostname))))
	if s.Registrable != "" && s.Registrable != s.Hostname {
		fmt.Fprintf(w, "  below %s", s.Registrable)
	}
	fmt.Fprintln(w)
	if s.Err != "" {
		fmt.Fprintf(w, "  %s %s\n", mark(false), s.Err)
	}
	if s.Delegated {
		head("Delegation")
		parent := s.Parent
		if parent == "" {
			parent = "the root"
		}
		fmt.Fprintf(w, "  zone %s, delegated by %s", s.Zone, parent)
		if s.DNSHost != nil {
			fmt.Fprintf(w, ", served by %s", s.DNSHost.Name)
			if s.DNSHost.ControlPanelURL != "" {
				fmt.Fprintf(w, " (%s)", s.DNSHost.ControlPanelURL)
			}
		}
		fmt.Fprintln(w)
		for _, ns := range s.Servers {
			fmt.Fprintf(w, "  %s %-32s %-28s %-12s", mark(ns.Status == "ok"), ns.Name, ns.Addr, ns.Status)
			if ns.Serial != 0 {
				fmt.Fprintf(w, " serial %d", ns.Serial)
			}
			fmt.Fprintf(w, " %s\n", c.paint(dim, fmt.Sprintf("%d ms %s", ns.RTTMS, ns.Detail)))
		}
		head("Records")
		if len(s.Records) == 0 {
			fmt.Fprintln(w, "  none at this name")
		}
		for _, r := range s.Records {
			note := ""
			if !r.Agreed {
				note = "  (the name servers differ)"
			}
			for _, v := range r.Values {
				fmt.Fprintf(w, "  %-6s %s%s\n", r.Type, v, c.paint(yellow, note))
			}
		}
		head("Web")
		for _, ws := range s.Web {
			answer := fmt.Sprintf("status %d", ws.Status)
			if ws.Error != "" {
				answer = strings.ReplaceAll(ws.Error, "_", " ")
			}
			if ws.FinalURL != "" {
				answer += " at " + ws.FinalURL
			}
			fmt.Fprintf(w, "  %s %-36s %-28s %s %s\n", mark(ws.Error == ""), ws.URL, ws.Addr, answer, c.paint(dim, ws.TLS))
		}
	}
	head("Methods")
	for _, m := range s.Methods {
		why := m.Reason
		if m.Works {
			why = "would work; covers " + map[zonehold.Covers]string{
				zonehold.CoversSubtree: "the name and everything below", zonehold.CoversHost: "this host"}[m.Covers]
		}
		fmt.Fprintf(w, "  %s %-10s %s\n", mark(m.Works), word(m.Method), why)
	}
	if len(s.Remarks) > 0 {
		head("Remarks")
		for _, r := range s.Remarks {
			fmt.Fprintf(w, "  ⚠ %s\n", r)
		}
	}
}
