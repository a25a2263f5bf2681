package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/app"
)

func (c *cli) accountSet() *cobra.Command {
	var recheck string
	cmd := &cobra.Command{
		Use:   "set NAME --recheck keep|once",
		Short: "Change what the proofs of an account are held to",
		Long: `Change what the proofs of an account are held to. With keep, which is the
default, a proof has to stay in place: where it goes, the domain is at risk and
then lapses. With once it may be removed after success: it is looked at all the
same, and shown as missing, but nothing lapses by that and nobody is alarmed. It
counts from the next look at each domain on.`,
		Args: exactly("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			policy := zonehold.RecheckPolicy(recheck)
			if !policy.Valid() {
				return usageError("--recheck is keep or once")
			}
			return c.onApp(cmd, func(ctx context.Context, a *app.App) error {
				acc, err := a.UpdateAccountOf(ctx, self(), args[0], app.AccountPatch{Recheck: &policy})
				if err != nil {
					return err
				}
				if c.json || c.jsonl {
					return c.printJSON(accountDoc(acc))
				}
				_, err = fmt.Fprintf(c.stdout, "%s %s: recheck %s\n", acc.ID, clean(acc.Name), acc.Recheck)
				return err
			})
		},
	}
	cmd.Flags().StringVar(&recheck, "recheck", "", "keep or once")
	return cmd
}
