package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/api"
	"github.com/zonehold/zonehold/client"
	"github.com/zonehold/zonehold/internal/app"
	"github.com/zonehold/zonehold/internal/httpapi"
)

func (c *cli) breakerCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "breaker",
		Short: "What holds back verdicts because too much went missing at once (works beside a running server)",
		Long: `What holds back verdicts because too much went missing at once: at one DNS host,
in one network, or everywhere; or because names known to be good are not seen.
Breakers close by themselves (docs/breaker.md says when); an operator can close
one sooner, or keep it open. The commands work on the server's own data folder
or database, beside a running server; or with --server URL through a server,
with a token of the scope operator.`,
		Example: `  zonehold breaker list
  zonehold breaker reset brk_06c4b1q2v8h3k5n7p9r1s3t5u0 --by carol --reason "the host has closed down"
  zonehold breaker hold brk_06c4b1q2v8h3k5n7p9r1s3t5u0 --for 12h --by carol --reason "the host repairs it"`,
	}
	cmd.AddCommand(c.breakerList(), c.breakerAct("reset", "Close a breaker: what it held back counts, and for a day what goes missing there anew"),
		c.breakerAct("hold", "Keep a breaker open"))
	c.settingFlagsOf(cmd, "data_dir", "database_url", "server")
	return cmd
}

// breakers does the operator's acts on breakers, on the data or through a
// server.
type breakers struct {
	list  func(ctx context.Context, all bool) ([]api.Breaker, error)
	reset func(ctx context.Context, id, by, reason string) (*api.Breaker, error)
	hold  func(ctx context.Context, id string, d time.Duration, by, reason string) (*api.Breaker, error)
}

func (c *cli) breakers(cmd *cobra.Command, fn func(context.Context, breakers) error) error {
	if _, remote := c.flags["server"]; remote {
		return c.api(cmd, time.Minute, func(ctx context.Context, cl *client.Client) error {
			return fn(ctx, breakers{
				list: cl.Breakers,
				reset: func(ctx context.Context, id, by, reason string) (*api.Breaker, error) {
					return cl.ResetBreaker(ctx, id, api.ResetBreaker{By: by, Reason: reason})
				},
				hold: func(ctx context.Context, id string, d time.Duration, by, reason string) (*api.Breaker, error) {
					return cl.HoldBreaker(ctx, id, api.HoldBreaker{By: by, Reason: reason, Hours: d.Hours()})
				},
			})
		})
	}
	return c.onApp(cmd, func(ctx context.Context, a *app.App) error {
		self := self()
		wire := func(b *zonehold.Breaker, err error) (*api.Breaker, error) {
			if err != nil {
				return nil, err
			}
			out := httpapi.Breaker(b)
			return &out, nil
		}
		return fn(ctx, breakers{
			list: func(ctx context.Context, all bool) ([]api.Breaker, error) {
				list, err := a.Breakers(ctx, self, all)
				out := make([]api.Breaker, len(list))
				for i, b := range list {
					out[i] = httpapi.Breaker(b)
				}
				return out, err
			},
			reset: func(ctx context.Context, id, by, reason string) (*api.Breaker, error) {
				return wire(a.ResetBreaker(ctx, self, id, by, reason))
			},
			hold: func(ctx context.Context, id string, d time.Duration, by, reason string) (*api.Breaker, error) {
				return wire(a.HoldBreaker(ctx, self, id, d, by, reason))
			},
		})
	})
}

func (c *cli) breakerList() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the open breakers, newest first, one per line",
		Args:  exactly(),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.breakers(cmd, func(ctx context.Context, o breakers) error {
				list, err := o.list(ctx, all)
				if err != nil {
					return err
				}
				return rows(c, sequence(list), breakerLine)
			})
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "closed ones too")
	return cmd
}

func breakerLine(b api.Breaker) string {
	place, state := "everywhere", b.State
	if b.Place != nil {
		place = clean(*b.Place)
	}
	switch {
	case b.Outcome != nil:
		state = "closed: " + *b.Outcome
	case b.Pinned:
		state = "kept open by " + clean(deref(b.By))
	}
	until := "until the canaries are well"
	switch {
	case b.ClosedAt != nil:
		until = "closed " + b.ClosedAt.UTC().Format("2006-01-02 15:04 UTC")
	case b.EndsAt != nil || b.Pinned:
		until = "next look " + b.Until.UTC().Format("2006-01-02 15:04 UTC")
	}
	return fmt.Sprintf("%s\t%s\t%s\t%s\t%d of %d missing\t%d held\t%s\t%s", b.ID, b.Reason, place, state, b.Missing, b.Checked, b.Held, until,
		clean(strings.Join(b.Hostnames, " ")))
}

func (c *cli) breakerAct(verb, short string) *cobra.Command {
	var (
		by, reason string
		d          time.Duration
	)
	use := verb + " ID --by WHO --reason WHY"
	if verb == "hold" {
		use = "hold ID --for TIME --by WHO --reason WHY"
	}
	cmd := &cobra.Command{
		Use:   use,
		Short: short,
		Args:  exactly("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case by == "":
				return usageError("--by is missing", "say who does it; it is kept with the breaker")
			case reason == "":
				return usageError("--reason is missing", "say why; it is kept with the breaker")
			case verb == "hold" && d <= 0:
				return usageError("--for is missing", "say how long, such as 12h; at most 168h")
			}
			return c.breakers(cmd, func(ctx context.Context, o breakers) error {
				var (
					b   *api.Breaker
					err error
				)
				if verb == "hold" {
					b, err = o.hold(ctx, args[0], d, by, reason)
				} else {
					b, err = o.reset(ctx, args[0], by, reason)
				}
				if err != nil {
					return seeList(err, "zonehold breaker list --all")
				}
				if c.json || c.jsonl {
					return c.printJSON(b)
				}
				if c.quiet {
					return nil
				}
				if verb == "hold" {
					_, err = fmt.Fprintf(c.stdout, "%s is kept open until %s\n", b.ID, b.Until.UTC().Format("2006-01-02 15:04 UTC"))
				} else {
					_, err = fmt.Fprintf(c.stdout, "%s is closed; what it held back is checked again and counts\n", b.ID)
				}
				return err
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&by, "by", "", "who does it")
	f.StringVar(&reason, "reason", "", "why")
	if verb == "hold" {
		f.DurationVar(&d, "for", 0, "how long from now on, such as 12h; at most 168h")
	}
	return cmd
}
