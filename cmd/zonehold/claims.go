package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/zonehold/zonehold/api"
	"github.com/zonehold/zonehold/client"
)

func (c *cli) domainTransfer() *cobra.Command {
	var to string
	cmd := &cobra.Command{
		Use:   "transfer DOMAIN --to ACCOUNT",
		Short: "Offer a proved domain to another account",
		Long: `Offer a domain that this account has proved to another account. The other one
claims the name as anybody does, with values of its own and empty data; when it
has proved it, the claim of this account ends, and not before. The offer stands
for 14 days, as long as the proof does. Whether there is an account of that name
is not told.`,
		Example: `  zonehold domain transfer example.com --to agency
  zonehold domain transfers
  zonehold domain transfers cancel trf_06c4b1q2v8h3k5n7p9r1s3t5u0`,
		Args: exactly("DOMAIN"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if to == "" {
				return usageError("--to is missing", "name the account that is to have the domain: its name or its id")
			}
			return c.api(cmd, time.Minute, func(ctx context.Context, cl *client.Client) error {
				t, err := cl.OfferDomain(ctx, args[0], to)
				if err != nil {
					return err
				}
				switch {
				case c.json || c.jsonl:
					return c.printJSON(t)
				case c.quiet:
					_, err := fmt.Fprintln(c.stdout, t.ID)
					return err
				}
				_, err = fmt.Fprintf(c.stdout, "%s %s is offered to %s  %s\n  until %s; take it back with: zonehold domain transfers cancel %s\n",
					c.paint(green, "✔"), c.paint(bold, t.Hostname), clean(t.To), c.paint(dim, t.ID), minute(t.ExpiresAt), t.ID)
				return err
			})
		},
	}
	cmd.Flags().StringVar(&to, "to", "", "the account that is to have it: name or id")
	return cmd
}

func (c *cli) domainTransfers() *cobra.Command {
	var q client.TransferQuery
	cmd := &cobra.Command{
		Use:   "transfers",
		Short: "List domains offered by this account and to it, one per line",
		Args:  exactly(),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.api(cmd, 5*time.Minute, func(ctx context.Context, cl *client.Client) error {
				return rows(c, cl.AllTransfers(ctx, q), func(t api.Transfer) string {
					direction, other := "from", t.From
					if t.Given {
						direction, other = "to", t.To
					}
					return fmt.Sprintf("%s\t%s\t%s %s\t%s\tuntil %s", t.ID, t.Hostname, direction, clean(other), t.State, minute(t.ExpiresAt))
				})
			})
		},
	}
	cmd.Flags().BoolVar(&q.All, "all", false, "ended ones too")
	cmd.AddCommand(&cobra.Command{
		Use:   "cancel ID",
		Short: "Take an offer back, or turn one down",
		Args:  exactly("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.api(cmd, time.Minute, func(ctx context.Context, cl *client.Client) error {
				t, err := cl.CancelTransfer(ctx, args[0])
				if err != nil {
					return seeList(err, "zonehold domain transfers")
				}
				if c.json || c.jsonl {
					return c.printJSON(t)
				}
				if !c.quiet {
					_, err = fmt.Fprintf(c.stdout, "the offer of %s is %s\n", t.Hostname, t.State)
				}
				return err
			})
		},
	})
	return cmd
}

func (c *cli) domainContest() *cobra.Command {
	var withdraw bool
	cmd := &cobra.Command{
		Use:   "contest DOMAIN",
		Short: "Show the latest contest about a name",
		Long: `Show the latest contest about a name. Where one account only may have a name, a
fresh proof of one that another account has opens a contest: the other account is
told and has some days to show that it still controls the name; then both are
checked afresh.`,
		Args: exactly("DOMAIN"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.api(cmd, time.Minute, func(ctx context.Context, cl *client.Client) error {
				do := cl.Contest
				if withdraw {
					do = cl.WithdrawContest
				}
				t, err := do(ctx, args[0])
				if err != nil {
					return err
				}
				if c.json || c.jsonl {
					return c.printJSON(t)
				}
				who := "another account has opened it"
				if t.Challenger {
					who = "this account has opened it"
				}
				fmt.Fprintf(c.stdout, "%s  %s, %s  %s\n  opened %s, wait until %s\n", c.paint(bold, t.Hostname), t.State, who, c.paint(dim, t.ID),
					minute(t.OpenedAt), minute(t.EndsAt))
				if t.State == "open" {
					fmt.Fprintln(c.stdout, "  keep your proof in place: both sides are checked afresh when the wait is over")
				}
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&withdraw, "withdraw", false, "end a contest that this account has opened")
	return cmd
}

func (c *cli) domainRegistration() *cobra.Command {
	return &cobra.Command{
		Use:   "registration DOMAIN",
		Short: "Show what is watched of the owner of a domain",
		Long: `Show what is watched of the registration that a domain belongs to: a domain
registered anew, or several signs of another owner at once, freeze the claims on
it until they are proved with new values.`,
		Args: exactly("DOMAIN"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.api(cmd, time.Minute, func(ctx context.Context, cl *client.Client) error {
				r, err := cl.Registration(ctx, args[0])
				if err != nil {
					return err
				}
				if c.json || c.jsonl {
					return c.printJSON(r)
				}
				return c.printOwner(r)
			})
		},
	}
}

func (c *cli) printOwner(r *api.Registration) error {
	fmt.Fprintf(c.stdout, "%s\n", c.paint(bold, r.Name))
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(c.stdout, "  %-13s %s\n", name, clean(value))
		}
	}
	moment := func(t *time.Time) string {
		if t == nil {
			return ""
		}
		return minute(*t)
	}
	line("registered", moment(r.CreatedAt))
	line("expires", moment(r.ExpiresAt))
	line("registrar", deref(r.Registrar))
	line("status", strings.Join(r.Statuses, ", "))
	line("name servers", strings.Join(r.NameServers, ", "))
	line("DS", strings.Join(r.DS, "; "))
	for _, s := range r.Signs {
		line("sign", fmt.Sprintf("%s on %s: %s → %s", s.Kind, minute(s.SeenAt), deref(s.Was), deref(s.Is)))
	}
	line("seen", moment(r.SeenAt))
	line("no answer", deref(r.Error))
	line("next look", moment(r.NextLookAt))
	return nil
}

// minute writes a time for people.
func minute(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }
