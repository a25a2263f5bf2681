package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/auth"
	"github.com/zonehold/zonehold/internal/store"
)

// withAuth runs fn on the data folder or the database URL; a server may be
// running beside it.
func (c *cli) withAuth(ctx context.Context, fn func(ctx context.Context, a *auth.Auth) error) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	ctx, cancel := c.deadline(ctx, 30*time.Second)
	defer cancel()
	s, err := store.Open(ctx, store.Config{URL: cfg.DatabaseURL, DataDir: cfg.DataDir, SecretKey: cfg.SecretKey, MaxConns: 2})
	if err != nil {
		return databaseError(err)
	}
	a := auth.New(s)
	err = fn(auth.Acting(ctx, self()), a)
	a.Close()
	if cerr := s.Close(); err == nil {
		err = cerr
	}
	switch {
	case errors.Is(err, auth.ErrInvalid):
		return usageError(strings.TrimPrefix(err.Error(), "invalid: "))
	case errors.Is(err, store.ErrExists):
		return &exitError{code: exitConflict, name: "already_exists", message: err.Error(),
			hints: []string{"those there are: zonehold account list"}}
	case errors.Is(err, store.ErrNotFound):
		return &exitError{code: exitNotFound, name: "not_found", message: err.Error()}
	}
	return err
}

func databaseError(err error) error {
	return &exitError{code: exitError_, name: "database_unavailable", message: err.Error(),
		hints: []string{"the data are at data_dir or database_url; see: zonehold config show --origin"}}
}

type accountJSON struct {
	ID             string `json:"id"`
	Name           string `json:"name"`
	UserID         int64  `json:"user_id"`
	Email          string `json:"email"`
	EmailConfirmed bool   `json:"email_confirmed"`
	Recheck        string `json:"recheck"`
}

func accountDoc(a zonehold.Account) accountJSON {
	return accountJSON{ID: a.ID, Name: a.Name, UserID: a.Number, Email: a.Email, EmailConfirmed: a.EmailConfirmed,
		Recheck: string(cmp.Or(a.Recheck, zonehold.RecheckKeep))}
}

func (c *cli) accountCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "account", Short: "Accounts of the database (works beside a running server)"}
	var email string
	var confirmed bool
	create := &cobra.Command{
		Use:   "create NAME",
		Short: "Create an account and print its id",
		Args:  exactly("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withAuth(cmd.Context(), func(ctx context.Context, a *auth.Auth) error {
				acc, err := a.CreateAccount(ctx, args[0], email, confirmed)
				if err != nil {
					return err
				}
				if c.json || c.jsonl {
					return c.printJSON(accountDoc(acc))
				}
				_, err = fmt.Fprintln(c.stdout, acc.ID)
				return err
			})
		},
	}
	create.Flags().StringVar(&email, "email", "", "address of the account")
	create.Flags().BoolVar(&confirmed, "email-confirmed", false, "you vouch that the address is the account's")
	list := &cobra.Command{
		Use:   "list",
		Short: "List the accounts",
		Args:  exactly(),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withAuth(cmd.Context(), c.accountList)
		},
	}
	cmd.AddCommand(create, list, c.accountSet())
	c.settingFlagsOf(cmd, "data_dir", "database_url")
	return cmd
}

func (c *cli) accountList(ctx context.Context, a *auth.Auth) error {
	accounts, err := a.Accounts(ctx)
	if err != nil {
		return err
	}
	if c.json {
		docs := make([]accountJSON, len(accounts))
		for i, acc := range accounts {
			docs[i] = accountDoc(acc)
		}
		return c.printJSON(docs)
	}
	for _, acc := range accounts {
		if c.jsonl {
			err = c.printJSON(accountDoc(acc))
		} else {
			_, err = fmt.Fprintf(c.stdout, "%s\t%s\t%d\t%s\n", acc.ID, acc.Name, acc.Number, acc.Email)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *cli) tokenCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "token", Short: "API tokens of an account (works beside a running server)"}
	var account, name string
	var scopes []string
	create := &cobra.Command{
		Use:   "create --account NAME",
		Short: "Create a token and print it, once, alone on standard output",
		Long: `Create a token and print it, once, alone on standard output. The same token
works in every API: "Authorization: Bearer" in the native one, "OAuth" in the
Yandex.Webmaster dialect, "JWT" in the Probely one.

The scope admin is for the tokens, settings, webhooks and audit log of the
account. The scope operator is for acts over all accounts (policy, breaker,
perspective, audit); no other scope includes it, and no API gives it out.`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, args []string) error {
			parsed, err := auth.ParseScopes(scopes...)
			if err != nil {
				return usageError(strings.TrimPrefix(err.Error(), "invalid: "))
			}
			return c.withAccount(cmd, account, func(ctx context.Context, a *auth.Auth, acc zonehold.Account) error {
				plain, row, err := a.Grant(ctx, acc.ID, name, parsed)
				if err != nil {
					return err
				}
				if c.json || c.jsonl {
					return c.printJSON(map[string]any{"id": row.ID, "account_id": acc.ID, "token": plain, "scopes": row.Scopes})
				}
				_, err = fmt.Fprintln(c.stdout, plain)
				return err
			})
		},
	}
	create.Flags().StringVar(&name, "name", "cli", "what it is for")
	create.Flags().StringArrayVar(&scopes, "scope", nil, "what it may do (repeat or separate by commas): domains:read, domains:write, checks:run, admin, operator; default: the first three")
	list := &cobra.Command{
		Use:   "list --account NAME",
		Short: "List the tokens of an account (never the tokens themselves)",
		Args:  exactly(),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withAccount(cmd, account, c.tokenList)
		},
	}
	revoke := &cobra.Command{
		Use:   "revoke --account NAME TOKEN_ID",
		Short: "Make a token useless within seconds",
		Args:  exactly("TOKEN_ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withAccount(cmd, account, func(ctx context.Context, a *auth.Auth, acc zonehold.Account) error {
				return a.Revoke(ctx, acc.ID, args[0])
			})
		},
	}
	for _, sub := range []*cobra.Command{create, list, revoke} {
		sub.Flags().StringVar(&account, "account", "", "name or id of the account")
		cmd.AddCommand(sub)
	}
	c.settingFlagsOf(cmd, "data_dir", "database_url")
	return cmd
}

func (c *cli) withAccount(cmd *cobra.Command, ref string, fn func(context.Context, *auth.Auth, zonehold.Account) error) error {
	if ref == "" {
		return usageError("--account is missing", "list them with: zonehold account list")
	}
	return c.withAuth(cmd.Context(), func(ctx context.Context, a *auth.Auth) error {
		acc, err := a.FindAccount(ctx, ref)
		if errors.Is(err, store.ErrNotFound) {
			return &exitError{code: exitNotFound, name: "no_such_account", message: fmt.Sprintf("there is no account %q", ref),
				hints: []string{"make it with: zonehold account create NAME"}}
		}
		if err != nil {
			return err
		}
		return fn(ctx, a, acc)
	})
}

func (c *cli) tokenList(ctx context.Context, a *auth.Auth, acc zonehold.Account) error {
	tokens, err := a.Tokens(ctx, acc.ID)
	if err != nil {
		return err
	}
	type row struct {
		ID         string           `json:"id"`
		Name       string           `json:"name"`
		Prefix     string           `json:"prefix"`
		Scopes     []zonehold.Scope `json:"scopes"`
		CreatedAt  time.Time        `json:"created_at"`
		LastUsedAt *time.Time       `json:"last_used_at"`
		RevokedAt  *time.Time       `json:"revoked_at"`
	}
	optional := func(t time.Time) *time.Time {
		if t.IsZero() {
			return nil
		}
		return &t
	}
	rows := make([]row, len(tokens))
	for i, t := range tokens {
		rows[i] = row{t.ID, t.Name, t.Prefix, t.Scopes, t.CreatedAt, optional(t.LastUsedAt), optional(t.RevokedAt)}
	}
	if c.json {
		return c.printJSON(rows)
	}
	for _, r := range rows {
		if c.jsonl {
			err = c.printJSON(r)
		} else {
			words := make([]string, len(r.Scopes))
			for i, s := range r.Scopes {
				words[i] = string(s)
			}
			state := "live"
			if r.RevokedAt != nil {
				state = "revoked"
			}
			_, err = fmt.Fprintf(c.stdout, "%s\t%s\t%s…\t%s\t%s\n", r.ID, r.Name, r.Prefix, strings.Join(words, ","), state)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// settingFlagsOf gives every command below cmd the setting flags.
func (c *cli) settingFlagsOf(cmd *cobra.Command, names ...string) {
	for _, sub := range cmd.Commands() {
		c.settingFlags(sub, names...)
	}
}

// openSmall opens a file that holds a short secret.
func openSmall(path string) (io.ReadCloser, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, usageError(err.Error())
	}
	return f, nil
}
