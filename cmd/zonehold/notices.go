package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/zonehold/zonehold/api"
	"github.com/zonehold/zonehold/client"
	"github.com/zonehold/zonehold/internal/app"
)

func (c *cli) noticesCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "notices",
		Short: "Mail about what changes: who gets it, and about what",
		Long: `Mail about what changes, such as a domain that is at risk, with what to do about
it. It goes to confirmed addresses of the account only; unless others are
chosen, to the account's own.`,
		Example: `  zonehold notices show
  zonehold notices off domain.recovered
  zonehold notices to anna@example.com bert@example.com
  zonehold notices vouch anna@example.com --account shop`,
	}
	show := &cobra.Command{
		Use:   "show",
		Short: "Show who gets mail, and about what",
		Args:  exactly(),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.notices(cmd, nil)
		},
	}
	off := &cobra.Command{
		Use:   "off EVENT",
		Short: "No more mail about events of this type",
		Args:  exactly("EVENT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.notices(cmd, func(n *api.Notices, in *api.SetNotices) error {
				if !slices.Contains(n.Known, args[0]) {
					return unknownEvent(n, args[0])
				}
				in.Events = slices.DeleteFunc(n.Events, func(e string) bool { return e == args[0] })
				return nil
			})
		},
	}
	on := &cobra.Command{
		Use:   "on EVENT",
		Short: "Mail about events of this type",
		Args:  exactly("EVENT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.notices(cmd, func(n *api.Notices, in *api.SetNotices) error {
				if !slices.Contains(n.Known, args[0]) {
					return unknownEvent(n, args[0])
				}
				in.Events = n.Events
				if !slices.Contains(in.Events, args[0]) {
					in.Events = append(in.Events, args[0])
				}
				return nil
			})
		},
	}
	var usual bool
	to := &cobra.Command{
		Use:   "to ADDRESS ...",
		Short: "Choose the addresses that get mail",
		Args: func(cmd *cobra.Command, args []string) error {
			if (len(args) == 0) != usual {
				return usageError("name the addresses, or give --default", "usage: "+cmd.UseLine())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.notices(cmd, func(_ *api.Notices, in *api.SetNotices) error {
				if in.Addresses = args; usual {
					in.Addresses = nil
				}
				return nil
			})
		},
	}
	to.Flags().BoolVar(&usual, "default", false, "the account's own address again")
	for _, sub := range []*cobra.Command{show, on, off, to} {
		c.settingFlags(sub, "server")
		cmd.AddCommand(sub)
	}
	vouch := c.noticesVouch()
	c.settingFlags(vouch, "data_dir", "database_url")
	cmd.AddCommand(vouch)
	return cmd
}

func unknownEvent(n *api.Notices, event string) error {
	return usageError(fmt.Sprintf("there is no mail for %q", clean(event)), "one of: "+strings.Join(n.Known, ", "))
}

// notices reads the choice, lets change alter it, and prints what it is then.
func (c *cli) notices(cmd *cobra.Command, change func(*api.Notices, *api.SetNotices) error) error {
	return c.api(cmd, time.Minute, func(ctx context.Context, cl *client.Client) error {
		n, err := cl.Notices(ctx)
		if err != nil {
			return err
		}
		if change != nil {
			in := api.SetNotices{Events: n.Events}
			if !n.Default {
				in.Addresses = n.Addresses
			}
			if err := change(n, &in); err != nil {
				return err
			}
			if n, err = cl.SetNotices(ctx, in); err != nil {
				return err
			}
		}
		if c.json || c.jsonl {
			return c.printJSON(n)
		}
		if change != nil && c.quiet {
			return nil
		}
		for _, a := range n.Addresses {
			if _, err := fmt.Fprintf(c.stdout, "to\t%s\n", clean(a)); err != nil {
				return err
			}
		}
		for _, e := range n.Known {
			state := "off"
			if slices.Contains(n.Events, e) {
				state = "on"
			}
			if _, err := fmt.Fprintf(c.stdout, "%s\t%s\n", state, e); err != nil {
				return err
			}
		}
		if n.Problem != nil {
			c.warn(strings.TrimSuffix(*n.Problem, "."))
		}
		return nil
	})
}

func (c *cli) noticesVouch() *cobra.Command {
	var account string
	cmd := &cobra.Command{
		Use:   "vouch ADDRESS --account NAME",
		Short: "Confirm an address of an account yourself (works beside a running server)",
		Long: `Confirm an address of an account yourself, without a code, on the server's own
data. The address then counts as one that the account reads, in every way: it
gets mail, and by it the account may prove the domain it is in.`,
		Args: exactly("ADDRESS"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if account == "" {
				return usageError("--account is missing", "list them with: zonehold account list")
			}
			return c.onApp(cmd, func(ctx context.Context, a *app.App) error {
				return a.VouchMailbox(ctx, self(), account, args[0])
			})
		},
	}
	cmd.Flags().StringVar(&account, "account", "", "name or id of the account")
	return cmd
}
