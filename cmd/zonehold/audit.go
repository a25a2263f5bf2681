package main

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/spf13/cobra"

	"github.com/zonehold/zonehold/api"
	"github.com/zonehold/zonehold/client"
	"github.com/zonehold/zonehold/internal/app"
	"github.com/zonehold/zonehold/internal/httpapi"
)

func (c *cli) auditCommand() *cobra.Command {
	var (
		q            client.AuditQuery
		since, until string
	)
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Who did what (works beside a running server)",
		Long: `Who did what: every change that a request or a command made, newest first, one
per line. It reads the server's own data folder or database, of all accounts
unless --account names one; or with --server URL through a server, the log of
the token's account (scope admin; the scope operator reads those of others).

The columns are the time, who (a token by its id and name, or a command with
its user and machine), the action, its target, and the rest.`,
		Example: `  zonehold audit --account shop --since 24h
  zonehold audit --target example.com --json
  zonehold audit --action token`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			now := time.Now()
			if q.Since, err = past("--since", since, now); err != nil {
				return err
			}
			if q.Until, err = past("--until", until, now); err != nil {
				return err
			}
			if _, remote := c.flags["server"]; remote {
				return c.api(cmd, 5*time.Minute, func(ctx context.Context, cl *client.Client) error {
					return rows(c, cl.AllAudit(ctx, q), auditLine)
				})
			}
			return c.onApp(cmd, func(ctx context.Context, a *app.App) error {
				return rows(c, auditOf(ctx, a, q), auditLine)
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&q.Account, "account", "", "only the log of this account (name or id)")
	f.StringVar(&q.Action, "action", "", "only this action, such as domain.create, or a group, such as domain")
	f.StringVar(&q.Target, "target", "", "only what was done to this (id or name)")
	f.StringVar(&since, "since", "", "from this time on: 2026-11-22, 2026-11-22T12:00:00Z, or how long ago: 36h, 7d")
	f.StringVar(&until, "until", "", "before this time")
	c.settingFlags(cmd, "data_dir", "database_url", "server")
	return cmd
}

func auditOf(ctx context.Context, a *app.App, q client.AuditQuery) iter.Seq2[api.AuditEntry, error] {
	query := app.AuditQuery{Account: q.Account, All: q.Account == "", Action: q.Action, Target: q.Target, Since: q.Since, Until: q.Until, Limit: 500}
	return walk(func(cursor string) (app.Page[*app.AuditEntry], error) {
		query.Cursor = cursor
		return a.Audit(ctx, self(), query)
	}, httpapi.AuditEntry)
}

func auditLine(e api.AuditEntry) string {
	who := e.By
	if e.TokenID != nil {
		who = *e.TokenID
		if e.TokenName != nil {
			who += " (" + clean(*e.TokenName) + ")"
		}
	}
	if e.Address != nil {
		who += " from " + clean(*e.Address)
	}
	target := clean(deref(e.Target))
	if e.Name != nil {
		target += " (" + clean(*e.Name) + ")"
	}
	return fmt.Sprintf("%s\t%s\t%s\t%s\t%s", e.At.Format(time.RFC3339), who, clean(e.Action), target, clean(string(e.Detail)))
}

// past reads a time that lies back, or how long ago it is.
func past(flag, text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), nil
		}
	}
	days := 0
	if n, err := fmt.Sscanf(text, "%dd", &days); err == nil && n == 1 && text == fmt.Sprintf("%dd", days) && days > 0 && days < 100_000 {
		return now.UTC().AddDate(0, 0, -days), nil
	}
	if d, err := time.ParseDuration(text); err == nil && d > 0 {
		return now.UTC().Add(-d), nil
	}
	return time.Time{}, usageError(flag + " is a time such as 2026-11-22, or how long ago such as 36h or 7d")
}
