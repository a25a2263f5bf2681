package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/zonehold/zonehold/api"
	"github.com/zonehold/zonehold/client"
)

func (c *cli) emailCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "email",
		Short: "Mail addresses of the account, and codes mailed to a domain",
		Long: `Mail addresses of the account. A confirmed one proves the domain it is in, and
is what the method whois looks for in a registration. The server must have a
mail relay (smtp_url).`,
		Example: `  zonehold email add anna@example.com
  zonehold email confirm anna@example.com --code 4CN28-QXPFV
  zonehold email code example.com --mailbox hostmaster
  zonehold email confirm example.com --code-file -`,
	}
	cmd.AddCommand(c.emailList(), c.emailAdd(), c.emailCode(), c.emailConfirm(), c.emailRemove())
	c.settingFlagsOf(cmd, "server")
	return cmd
}

func (c *cli) emailList() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the addresses, one per line",
		Args:  exactly(),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.api(cmd, time.Minute, func(ctx context.Context, cl *client.Client) error {
				all, err := cl.Mailboxes(ctx)
				if err != nil {
					return err
				}
				return rows(c, sequence(all), func(m api.Mailbox) string {
					state := "not confirmed"
					if m.Confirmed {
						state = "confirmed by " + clean(deref(m.ConfirmedBy))
					}
					return clean(m.Address) + "\t" + state
				})
			})
		},
	}
}

func (c *cli) emailAdd() *cobra.Command {
	return &cobra.Command{
		Use:   "add ADDRESS",
		Short: "Add an address; a code is mailed to it",
		Args:  exactly("ADDRESS"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.api(cmd, time.Minute, func(ctx context.Context, cl *client.Client) error {
				m, err := cl.AddMailbox(ctx, args[0])
				if err != nil {
					return err
				}
				if c.json || c.jsonl {
					return c.printJSON(m)
				}
				if c.quiet {
					return nil
				}
				if m.Confirmed {
					_, err = fmt.Fprintf(c.stdout, "%s is confirmed already\n", clean(m.Address))
					return err
				}
				_, err = fmt.Fprintf(c.stdout, "A code was mailed to %s; then run: zonehold email confirm %s --code CODE\n", clean(m.Address), clean(m.Address))
				return err
			})
		},
	}
}

func (c *cli) emailCode() *cobra.Command {
	var mailbox string
	cmd := &cobra.Command{
		Use:   "code DOMAIN --mailbox NAME",
		Short: "Have a code mailed to a fixed mailbox of a claimed domain",
		Long: `Have a code mailed to one of the five mailboxes that whoever runs a domain can
read: admin, administrator, webmaster, hostmaster, postmaster.`,
		Args: exactly("DOMAIN"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if mailbox == "" {
				return usageError("--mailbox is missing", "one of: admin, administrator, webmaster, hostmaster, postmaster")
			}
			return c.api(cmd, time.Minute, func(ctx context.Context, cl *client.Client) error {
				sent, err := cl.SendMailCode(ctx, args[0], mailbox)
				if err != nil {
					return err
				}
				if c.json || c.jsonl {
					return c.printJSON(sent)
				}
				if c.quiet {
					return nil
				}
				_, err = fmt.Fprintf(c.stdout, "A code was mailed to %s; it %s. Then run: zonehold email confirm %s --code CODE\n",
					clean(sent.Address), ends(&sent.ExpiresAt), clean(args[0]))
				return err
			})
		},
	}
	cmd.Flags().StringVar(&mailbox, "mailbox", "", "admin, administrator, webmaster, hostmaster or postmaster")
	_ = cmd.RegisterFlagCompletionFunc("mailbox", cobra.FixedCompletions([]string{"admin", "administrator", "webmaster", "hostmaster", "postmaster"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func (c *cli) emailConfirm() *cobra.Command {
	var code, file string
	cmd := &cobra.Command{
		Use:   "confirm ADDRESS|DOMAIN --code CODE",
		Short: "Bring back a mailed code",
		Long: `Bring back a mailed code: for an address of the account, or for a domain whose
mailbox got one; the domain is then proved.

A code is no lasting secret: it counts once, soon ends by itself, and works only
for the account that asked for it. So it may be given as --code, although others
on this machine can read command lines; --code-file keeps it from them.

Exit code 0: confirmed. 3: the code is wrong, used or too old.`,
		Args: exactly("ADDRESS|DOMAIN"),
		RunE: func(cmd *cobra.Command, args []string) error {
			given, err := c.mailedCode(code, file)
			if err != nil {
				return err
			}
			return c.api(cmd, time.Minute, func(ctx context.Context, cl *client.Client) error {
				if !strings.Contains(args[0], "@") {
					return c.confirmDomain(ctx, cl, args[0], given)
				}
				m, err := cl.ConfirmMailbox(ctx, args[0], given)
				if err != nil {
					return seeList(err, "zonehold email list")
				}
				if c.json || c.jsonl {
					return c.printJSON(m)
				}
				if !c.quiet {
					_, err = fmt.Fprintf(c.stdout, "%s %s is confirmed\n", c.paint(green, "✔"), c.paint(bold, clean(m.Address)))
				}
				return err
			})
		},
	}
	cmd.Flags().StringVar(&code, "code", "", "the code; - reads it from standard input")
	cmd.Flags().StringVar(&file, "code-file", "", "file that holds the code; - is standard input")
	return cmd
}

// mailedCode is the code that was given, without what people copy along.
func (c *cli) mailedCode(code, file string) (string, error) {
	switch {
	case code != "" && file != "":
		return "", usageError("--code and --code-file exclude each other")
	case code == "-":
		code, file = "", "-"
	case code == "" && file == "":
		return "", usageError("--code is missing", "it stands in the mail", "or give --code-file FILE, - for standard input")
	}
	if file != "" {
		in := c.stdin
		if file != "-" {
			f, err := openSmall(file)
			if err != nil {
				return "", err
			}
			defer f.Close()
			in = f
		}
		data, err := io.ReadAll(io.LimitReader(in, 4096))
		if err != nil {
			return "", fmt.Errorf("reading the code: %w", err)
		}
		code = string(data)
	}
	if code = strings.TrimSpace(code); code == "" {
		return "", usageError("the code is empty")
	}
	return code, nil
}

func (c *cli) confirmDomain(ctx context.Context, cl *client.Client, ref, code string) error {
	a, err := cl.ConfirmMailCode(ctx, ref, code)
	if err != nil {
		return err
	}
	if c.json || c.jsonl {
		err = c.printJSON(a)
	} else {
		err = c.printAttempt(c.stdout, clean(ref), a)
	}
	if err != nil {
		return err
	}
	return attemptVerdict(a)
}

func (c *cli) emailRemove() *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:   "remove ADDRESS",
		Short: "Forget an address",
		Long:  "Forget an address. While proofs rest on it, this is refused with exit code 14;\nwith --force they lapse.",
		Args:  exactly("ADDRESS"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.api(cmd, time.Minute, func(ctx context.Context, cl *client.Client) error {
				if err := cl.RemoveMailbox(ctx, args[0], force); err != nil {
					return withForce(seeList(err, "zonehold email list"))
				}
				return c.printRemoved(args[0])
			})
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "even if proofs rest on it; they lapse")
	return cmd
}

// withForce turns the server's advice into ours.
func withForce(err error) error {
	var e *client.Error
	if errors.As(err, &e) && e.Status == 409 {
		e.Fixes = []string{"say --force if that is meant; the proofs that rest on it then lapse"}
	}
	return err
}
