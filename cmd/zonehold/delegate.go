package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/zonehold/zonehold/api"
	"github.com/zonehold/zonehold/client"
	"github.com/zonehold/zonehold/problem"
)

func (c *cli) delegateCommand() *cobra.Command {
	var in api.CreateDelegation
	var expires string
	cmd := &cobra.Command{
		Use:   "delegate DOMAIN --to ACCOUNT",
		Short: "Give another account a right to a proved domain",
		Long: `Give another account a right to a domain that this account has proved. When the
other account claims the name, it is proved at once, by the method "delegated",
for as long as your own proof stands and you do not take the right back. The
other account cannot pass it on.`,
		Example: `  zonehold delegate example.com --to agency
  zonehold delegate example.com --name shop.example.com --to agency --expires 720h
  zonehold delegate list --given
  zonehold delegate revoke del_06c4b1q2v8h3k5n7p9r1s3t5u0 --reason "campaign over"`,
		Args: exactly("DOMAIN"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			in.Domain = args[0]
			if in.Account == "" {
				return usageError("--to is missing", "name the account that receives the right: its name, its id, or a confirmed mail address of it")
			}
			if in.ExpiresAt, err = expiry(expires, time.Now()); err != nil {
				return err
			}
			return c.api(cmd, time.Minute, func(ctx context.Context, cl *client.Client) error {
				d, err := cl.Delegate(ctx, in)
				if err != nil {
					return err
				}
				return c.printGiven(d)
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&in.Account, "to", "", "the account that receives it: name, id, or confirmed mail address")
	f.StringVar(&in.Hostname, "name", "", "a name below the domain that the proof covers; default: the domain itself")
	f.StringVar(&in.Reason, "reason", "", "why; the other account sees it")
	f.StringVar(&expires, "expires", "", expiresHelp)
	cmd.AddCommand(c.delegateList(), c.delegateRevoke())
	c.settingFlags(cmd, "server")
	c.settingFlagsOf(cmd, "server")
	return cmd
}

func (c *cli) printGiven(d *api.Delegation) error {
	switch {
	case c.json || c.jsonl:
		return c.printJSON(d)
	case c.quiet:
		_, err := fmt.Fprintln(c.stdout, d.ID)
		return err
	}
	_, err := fmt.Fprintf(c.stdout, "%s %s may claim %s  %s\n  %s; take it back with: zonehold delegate revoke %s\n",
		c.paint(green, "✔"), clean(d.ToName), c.paint(bold, d.Hostname), c.paint(dim, d.ID), ends(d.ExpiresAt), d.ID)
	return err
}

// clean makes a text that people chose safe for a terminal.
func clean(s string) string { return problem.Clean(s, 200) }

func (c *cli) delegateList() *cobra.Command {
	var q client.DelegationQuery
	var given, received bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List rights given and received, one per line",
		Args:  exactly(),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case given && received:
				return usageError("--given and --received exclude each other", "leave both out to see all")
			case given:
				q.Direction = "given"
			case received:
				q.Direction = "received"
			}
			return c.api(cmd, 5*time.Minute, func(ctx context.Context, cl *client.Client) error {
				return rows(c, cl.AllDelegations(ctx, q), func(d api.Delegation) string {
					direction, other := "from", d.FromName
					if d.Given {
						direction, other = "to", d.ToName
					}
					return fmt.Sprintf("%s\t%s\t%s %s\t%s\t%s", d.ID, d.Hostname, direction, clean(other), delegationState(d), ends(d.ExpiresAt))
				})
			})
		},
	}
	f := cmd.Flags()
	f.BoolVar(&given, "given", false, "only those that this account gave")
	f.BoolVar(&received, "received", false, "only those that this account received")
	f.StringVar(&q.Domain, "domain", "", "only those of this domain")
	f.BoolVar(&q.All, "all", false, "ended ones too")
	return cmd
}

func delegationState(d api.Delegation) string {
	switch {
	case d.RevokedAt != nil:
		return "revoked"
	case d.InForce:
		return "in force"
	}
	return "not in force"
}

func (c *cli) delegateRevoke() *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use:   "revoke ID",
		Short: "Take a right back, or give up one that was received",
		Long:  "Take a right back, or give up one that was received. What the other account\nproved by it alone is unproved at once.",
		Args:  exactly("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.api(cmd, time.Minute, func(ctx context.Context, cl *client.Client) error {
				d, err := cl.RevokeDelegation(ctx, args[0], reason)
				if err != nil {
					return seeList(err, "zonehold delegate list")
				}
				if c.json || c.jsonl {
					return c.printJSON(d)
				}
				if !c.quiet {
					_, err = fmt.Fprintf(c.stdout, "%s may no longer claim %s\n", clean(d.ToName), d.Hostname)
				}
				return err
			})
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why; the other account sees it")
	return cmd
}
