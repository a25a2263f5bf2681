package main

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/spf13/cobra"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/api"
	"github.com/zonehold/zonehold/client"
	"github.com/zonehold/zonehold/internal/app"
	"github.com/zonehold/zonehold/internal/config"
	"github.com/zonehold/zonehold/internal/httpapi"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/verify"
)

func (c *cli) policyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "policy",
		Short: "Acts of the operator that stand in for a proof (works beside a running server)",
		Long: `Acts of the operator that stand in for a proof. They work on the server's own
data folder or database, beside a running server, which acts on them within
half a minute; or with --server URL through a server, at once, with a token of
the scope operator.

A pattern is a name (example.com), every name below one (*.example.com), or the
names whose label is that of the account ({account}.pages.example). Each act
says who did it and why, and both are kept.`,
		Example: `  zonehold policy whitelist '*.example.com' --by carol --reason "contract 17"
  zonehold policy approve example.com --account shop --by carol --reason "deed seen"
  zonehold policy platform '{account}.pages.example' --by carol --reason "our platform"
  zonehold policy revoke pol_06c4b1q2v8h3k5n7p9r1s3t5u0 --by carol --reason "contract over"`,
	}
	for _, p := range []struct {
		use, short string
		method     zonehold.Method
		anyone     bool
	}{
		{"whitelist", "Let names count as proved, for one account or for any", zonehold.MethodWhitelist, true},
		{"waiver", "Waive the proof of a name for an account", zonehold.MethodWaved, false},
		{"approve", "Approve a claim after a look of your own", zonehold.MethodBackOffice, false},
		{"mail-domain", "Name a mail domain that you run for an account", zonehold.MethodPDD, false},
		{"platform", "Name a suffix below which you give out names", zonehold.MethodAuto, true},
	} {
		cmd.AddCommand(c.policyAdd(p.use, p.short, p.method, p.anyone))
	}
	cmd.AddCommand(c.policyList(), c.policyRevoke())
	c.settingFlagsOf(cmd, "data_dir", "database_url", "server")
	return cmd
}

func (c *cli) policyAdd(use, short string, method zonehold.Method, anyone bool) *cobra.Command {
	in := api.CreatePolicy{Method: string(method)}
	var expires string
	cmd := &cobra.Command{
		Use:   use + " PATTERN --by WHO --reason WHY",
		Short: short,
		Args:  exactly("PATTERN"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			in.Pattern = args[0]
			switch {
			case in.By == "":
				return usageError("--by is missing", "say who does it; it is kept with the policy")
			case in.Reason == "":
				return usageError("--reason is missing", "say why; it is kept with the policy")
			case in.Account == "" && !anyone:
				return usageError("--account is missing", "list them with: zonehold account list")
			}
			if in.ExpiresAt, err = expiry(expires, time.Now()); err != nil {
				return err
			}
			return c.operator(cmd, func(ctx context.Context, o operator) error {
				p, err := o.create(ctx, in)
				if err != nil {
					return err
				}
				if c.json || c.jsonl {
					return c.printJSON(p)
				}
				_, err = fmt.Fprintln(c.stdout, p.ID)
				if err == nil && !o.remote && !c.quiet {
					fmt.Fprintln(c.stderr, "A running server acts on it within half a minute.")
				}
				return err
			})
		},
	}
	f := cmd.Flags()
	account := "name or id of the account"
	if anyone {
		account += "; default: any account"
	}
	f.StringVar(&in.Account, "account", "", account)
	f.StringVar(&in.By, "by", "", "who does it")
	f.StringVar(&in.Reason, "reason", "", "why")
	f.StringVar(&expires, "expires", "", expiresHelp)
	return cmd
}

func (c *cli) policyList() *cobra.Command {
	var q client.PolicyQuery
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the policies in force, newest first, one per line",
		Args:  exactly(),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.operator(cmd, func(ctx context.Context, o operator) error {
				return rows(c, o.list(ctx, q), func(p api.Policy) string {
					account, state := "any account", ends(p.ExpiresAt)
					if p.AccountID != nil {
						account = *p.AccountID
					}
					if p.RevokedAt != nil {
						state = "revoked by " + clean(deref(p.RevokedBy))
					} else if !p.InForce {
						state = "expired"
					}
					return fmt.Sprintf("%s\t%s\t%s\t%s\t%s\tby %s: %s", p.ID, p.Method, p.Pattern, account, state, clean(p.By), clean(p.Reason))
				})
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&q.Method, "method", "", "only whitelist, waved, back_office, pdd or auto")
	f.StringVar(&q.Domain, "domain", "", "only those that give this name to somebody")
	f.BoolVar(&q.All, "all", false, "ended ones too")
	return cmd
}

func (c *cli) policyRevoke() *cobra.Command {
	var by, reason string
	cmd := &cobra.Command{
		Use:   "revoke ID --by WHO --reason WHY",
		Short: "End a policy; what rests on it alone is unproved at once",
		Args:  exactly("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case by == "":
				return usageError("--by is missing", "say who does it; it is kept with the policy")
			case reason == "":
				return usageError("--reason is missing", "say why; it is kept with the policy")
			}
			return c.operator(cmd, func(ctx context.Context, o operator) error {
				p, err := o.revoke(ctx, args[0], by, reason)
				if err != nil {
					return seeList(err, "zonehold policy list")
				}
				if c.json || c.jsonl {
					return c.printJSON(p)
				}
				if !c.quiet {
					_, err = fmt.Fprintf(c.stdout, "%s revoked; claims that lapsed with it: %d\n", p.ID, p.Lapsed)
				}
				return err
			})
		},
	}
	cmd.Flags().StringVar(&by, "by", "", "who does it")
	cmd.Flags().StringVar(&reason, "reason", "", "why")
	return cmd
}

// operator does the operator's acts, on the data or through a server.
type operator struct {
	remote bool
	create func(context.Context, api.CreatePolicy) (*api.Policy, error)
	list   func(context.Context, client.PolicyQuery) iter.Seq2[api.Policy, error]
	revoke func(ctx context.Context, id, by, reason string) (*api.RevokedPolicy, error)
}

// operator goes through a server only if one is named on the command line: the
// usual server of the environment is that of an account.
func (c *cli) operator(cmd *cobra.Command, fn func(context.Context, operator) error) error {
	if _, remote := c.flags["server"]; remote {
		return c.api(cmd, time.Minute, func(ctx context.Context, cl *client.Client) error {
			return fn(ctx, operator{remote: true, create: cl.CreatePolicy, list: cl.AllPolicies, revoke: cl.RevokePolicy})
		})
	}
	return c.onApp(cmd, func(ctx context.Context, a *app.App) error { return fn(ctx, onData(a)) })
}

// onApp opens the server's own data, beside a running server.
func (c *cli) onApp(cmd *cobra.Command, fn func(context.Context, *app.App) error) error {
	return c.onAppWith(cmd, func(*config.Config) (app.PerspectiveConfig, error) { return app.PerspectiveConfig{}, nil }, fn)
}

// onAppWith does so with perspectives.
func (c *cli) onAppWith(cmd *cobra.Command, perspectives func(*config.Config) (app.PerspectiveConfig, error), fn func(context.Context, *app.App) error) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	p, err := perspectives(cfg)
	if err != nil {
		return err
	}
	ctx, cancel := c.deadline(cmd.Context(), time.Minute)
	defer cancel()
	s, err := store.Open(ctx, store.Config{URL: cfg.DatabaseURL, DataDir: cfg.DataDir, SecretKey: cfg.SecretKey, MaxConns: 2})
	if err != nil {
		return databaseError(err)
	}
	// It runs no checks: what is due is found by the servers.
	a, err := app.New(app.Config{
		Store: s, Kit: &verify.Kit{}, OperatorAccount: cfg.OperatorAccount, Perspectives: p, PublicURL: cfg.PublicURL, Version: buildVersion(),
	})
	if err == nil {
		err = fn(ctx, a)
	}
	if cerr := s.Close(); err == nil {
		err = cerr
	}
	return err
}

// onData are the acts on the data themselves.
func onData(a app.Policies) operator {
	self := self()
	return operator{
		create: func(ctx context.Context, in api.CreatePolicy) (*api.Policy, error) {
			policy := app.NewPolicy{Method: zonehold.Method(in.Method), Pattern: in.Pattern, Account: in.Account, By: in.By, Reason: in.Reason}
			if in.ExpiresAt != nil {
				policy.ExpiresAt = *in.ExpiresAt
			}
			p, err := a.AddPolicy(ctx, self, policy)
			if err != nil {
				return nil, err
			}
			wire := httpapi.Policy(p)
			return &wire, nil
		},
		list: func(ctx context.Context, q client.PolicyQuery) iter.Seq2[api.Policy, error] {
			query := app.PolicyQuery{Method: zonehold.Method(q.Method), Domain: q.Domain, All: q.All, Limit: 500}
			return walk(func(cursor string) (app.Page[*zonehold.Policy], error) {
				query.Cursor = cursor
				return a.Policies(ctx, self, query)
			}, httpapi.Policy)
		},
		revoke: func(ctx context.Context, id, by, reason string) (*api.RevokedPolicy, error) {
			p, n, err := a.RevokePolicy(ctx, self, id, by, reason)
			if err != nil {
				return nil, err
			}
			return &api.RevokedPolicy{Policy: httpapi.Policy(p), Lapsed: n}, nil
		},
	}
}
