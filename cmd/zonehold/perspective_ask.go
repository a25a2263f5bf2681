package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/zonehold/zonehold/api"
	"github.com/zonehold/zonehold/client"
	"github.com/zonehold/zonehold/internal/app"
	"github.com/zonehold/zonehold/internal/httpapi"
	"github.com/zonehold/zonehold/perspective"
)

func (c *cli) perspectiveCheck() *cobra.Command {
	return &cobra.Command{
		Use:   "check",
		Short: "Ask each perspective how it is, from here or from a server",
		Long: `Ask each perspective how it is: from this machine, with the file of the setting
"perspectives", or with --server URL from that server, with a token of the scope
operator. No domain is checked. Exit code 0: all are well. 1: one is not.`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, remote := c.flags["server"]; remote {
				return c.api(cmd, 30*time.Second, func(ctx context.Context, cl *client.Client) error {
					list, err := cl.CheckPerspectives(ctx)
					if err != nil {
						return err
					}
					return c.tellPerspectives(list, true)
				})
			}
			cfg, err := c.load()
			if err != nil {
				return err
			}
			p, err := newPerspectives(cfg)
			if err != nil {
				return err
			}
			if p.Panel.Len() == 0 {
				return noPerspectives()
			}
			ctx, cancel := c.deadline(cmd.Context(), 10*time.Second)
			defer cancel()
			list := httpapi.Perspectives(&app.PerspectiveList{
				Policy: p.Policy, Rule: p.Policy.Rule(time.Now(), p.Panel.Len()), Items: p.Panel.Check(ctx),
			})
			return c.tellPerspectives(&list, true)
		},
	}
}

func noPerspectives() error {
	return usageError("no perspectives are configured", "name their file with --perspectives FILE or ZONEHOLD_PERSPECTIVES")
}

func (c *cli) perspectiveList() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the perspectives with their state, one per line",
		Args:  exactly(),
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, remote := c.flags["server"]; remote {
				return c.api(cmd, 30*time.Second, func(ctx context.Context, cl *client.Client) error {
					list, err := cl.Perspectives(ctx)
					if err != nil {
						return err
					}
					return c.tellPerspectives(list, false)
				})
			}
			return c.withPerspectives(cmd, func(ctx context.Context, a *app.App) error {
				l, err := a.Perspectives(ctx, self())
				if err != nil {
					return err
				}
				list := httpapi.Perspectives(l)
				return c.tellPerspectives(&list, false)
			})
		},
	}
}

func (c *cli) perspectivePolicy() *cobra.Command {
	return &cobra.Command{
		Use:   "policy ACCOUNT off|observe|br|default",
		Short: "Say what other networks decide about the proofs of an account",
		Long: `Say what other networks decide about the proofs of an account. It acts on the
server's own data, beside a running server, which keeps to it at once.

  off      nobody else is asked
  observe  their answers are shown, and decide nothing
  br       the quorum of the Baseline Requirements, section 3.2.2.9
  default  as the file of the setting "perspectives" says`,
		Args: exactly("ACCOUNT", "POLICY"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, remote := c.flags["server"]; remote {
				return usageError("policies of accounts are set on the server's own data", "run it where the server runs, without --server")
			}
			return c.withPerspectives(cmd, func(ctx context.Context, a *app.App) error {
				p, err := a.SetPerspectivePolicy(ctx, self(), args[0], args[1])
				if err != nil {
					return err
				}
				if c.json || c.jsonl {
					return c.printJSON(map[string]any{"account_id": p.Account.ID, "account": p.Account.Name, "policy": string(p.Mode), "own": p.Own})
				}
				if c.quiet {
					return nil
				}
				of := "its own"
				if !p.Own {
					of = "the server's"
				}
				_, err = fmt.Fprintf(c.stdout, "%s: %s (%s policy)\n", clean(p.Account.Name), p.Mode, of)
				return err
			})
		},
	}
}

// withPerspectives runs fn on the server's own data.
func (c *cli) withPerspectives(cmd *cobra.Command, fn func(context.Context, *app.App) error) error {
	return c.onAppWith(cmd, newPerspectives, fn)
}

// tellPerspectives prints the list; judge makes one that is not up the exit
// code. One that has failed, but not often enough to count as down, is failing.
func (c *cli) tellPerspectives(list *api.Perspectives, judge bool) error {
	ill := 0
	for _, p := range list.Items {
		if p.State != "up" || p.Detail != nil {
			ill++
		}
	}
	switch {
	case c.json:
		if err := c.printJSON(list); err != nil {
			return err
		}
	default:
		for _, p := range list.Items {
			if c.jsonl {
				if err := c.printJSON(p); err != nil {
					return err
				}
				continue
			}
			if _, err := fmt.Fprintln(c.stdout, perspectiveLine(p)); err != nil {
				return err
			}
		}
		if !c.jsonl && !c.quiet {
			fmt.Fprintln(c.stderr, "Policy: "+policyLine(list))
		}
	}
	if judge && ill > 0 {
		return answered(exitError_, "perspective_ill")
	}
	return nil
}

func perspectiveLine(p api.Perspective) string {
	state := p.State
	switch {
	case p.State == "up" && p.Detail != nil:
		state = "failing"
	case p.State == "up" && p.TookMS != nil:
		state = fmt.Sprintf("up, %d ms", *p.TookMS)
	case p.Since != nil:
		state += " since " + p.Since.UTC().Format("2006-01-02 15:04 UTC")
	}
	line := fmt.Sprintf("%s\t%s\t%s\t%s\t%s", p.Name, p.Region, p.URL, state, clean(deref(p.Network)))
	if p.Detail != nil {
		line += "\t" + clean(*p.Detail)
	}
	return line
}

func policyLine(list *api.Perspectives) string {
	switch perspective.Mode(list.Policy) {
	case perspective.ModeOff:
		return "off, nobody is asked"
	case perspective.ModeObserve:
		return "observe, answers decide nothing"
	}
	if d := list.Demand; d != nil {
		return fmt.Sprintf("%s, at least %d perspectives, of which %d may fail, in %d regions", list.Policy, d.Minimum, d.AllowedFailures, d.Regions)
	}
	return list.Policy
}
