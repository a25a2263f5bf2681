package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/api"
	"github.com/zonehold/zonehold/client"
	"github.com/zonehold/zonehold/internal/app"
)

func (c *cli) evidenceCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "evidence",
		Short: "Evidence that stands up later: export it, check it offline",
		Long: `Every check of a server leaves evidence: what name servers and web servers said,
byte for byte, with what validates it. It is kept as a hash chain for each
account, and signed. Export makes a bundle of it; verify checks one on any
machine, without a server, a database or a network.`,
		Example: `  zonehold evidence export example.com -o example.json
  zonehold evidence verify example.json --jwks jwks.json
  zonehold evidence keys`,
	}
	cmd.AddCommand(c.evidenceExport(), c.evidenceVerify(), c.evidenceKeys())
	return cmd
}

func (c *cli) evidenceExport() *cobra.Command {
	var (
		out, from, to, cursor string
		account               string
		chain                 bool
		after                 int64
		limit                 int
	)
	cmd := &cobra.Command{
		Use:   "export DOMAIN|ATTEMPT",
		Short: "Write a signed bundle of evidence, of one check or of a domain",
		Long: `Write a signed bundle of evidence, byte for byte as the server made it: of one
check (att_…), or of the checks of a domain, oldest first. With --chain it is
the chain of the whole account without what its links stand for, to be kept
elsewhere. The bundle holds what was expected of the domain's owner, tokens
among it; whoever gets it can read them.

With --account the operator exports that account's evidence from the server's
own data folder or database, with or without a running server.`,
		Example: `  zonehold evidence export example.com -o example.json
  zonehold evidence export att_06c4b1q2v8h3k5n7p9r1s3t5u0
  zonehold evidence export example.com --from 2026-01-01 --to 2026-07-01 -o half.json
  zonehold evidence export --chain -o chain.json
  zonehold evidence export example.com --account shop --data-dir /var/lib/zonehold -o example.json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case chain && len(args) > 0:
				return usageError("--chain is of the whole account", "leave out "+args[0])
			case !chain && len(args) != 1:
				return usageError("DOMAIN or ATTEMPT is missing", "usage: "+cmd.UseLine())
			}
			q := client.EvidenceQuery{Limit: limit, Cursor: cursor}
			var err error
			if q.From, err = dayOrTime(from); err != nil {
				return usageError("--from is a day or a time, such as 2026-01-31 or 2026-01-31T12:00:00Z")
			}
			if q.To, err = dayOrTime(to); err != nil {
				return usageError("--to is a day or a time, such as 2026-01-31 or 2026-01-31T12:00:00Z")
			}
			get := func(ctx context.Context, src evidenceSource) (err error) {
				var file json.RawMessage
				switch {
				case chain:
					file, err = src.chain(ctx, after, limit)
				case zonehold.ValidID(zonehold.PrefixAttempt, args[0]):
					file, err = src.attempt(ctx, args[0])
				default:
					file, err = src.domain(ctx, args[0], q)
				}
				if err != nil {
					return err
				}
				return c.writeBundle(out, file)
			}
			_, remote := c.flags["server"]
			switch {
			case account == "":
				return c.api(cmd, 5*time.Minute, func(ctx context.Context, cl *client.Client) error {
					return get(ctx, evidenceSource{cl.EvidenceChain, cl.Evidence, cl.DomainEvidence})
				})
			case remote:
				return usageError("--account is of the server's own data, and --server of a server", "leave one of them out; a server knows the account by its token")
			}
			return c.onApp(cmd, func(ctx context.Context, a *app.App) error {
				acc, err := a.AccountOf(ctx, self(), account)
				if err != nil {
					return err
				}
				return get(ctx, ownEvidence(a, acc))
			})
		},
	}
	f := cmd.Flags()
	f.StringVarP(&out, "output", "o", "", "file to write; default: standard output")
	f.StringVar(&from, "from", "", "checks of a domain made from then on")
	f.StringVar(&to, "to", "", "checks of a domain made before then")
	f.IntVar(&limit, "limit", 0, "checks or links in the bundle")
	f.StringVar(&cursor, "cursor", "", "where the bundle before ended: next in it")
	f.BoolVar(&chain, "chain", false, "the chain of the account, without documents")
	f.Int64Var(&after, "after", 0, "with --chain: number of the last link that is known")
	f.StringVar(&account, "account", "", "id or name: its evidence, on the server's own data")
	c.settingFlags(cmd, "server", "data_dir", "database_url", "public_url")
	return cmd
}

// evidenceSource is where bundles come from: a server, or its own data.
type evidenceSource struct {
	chain   func(ctx context.Context, after int64, limit int) (json.RawMessage, error)
	attempt func(ctx context.Context, id string) (json.RawMessage, error)
	domain  func(ctx context.Context, ref string, q client.EvidenceQuery) (json.RawMessage, error)
}

func ownEvidence(a *app.App, account zonehold.Account) evidenceSource {
	actor := self()
	actor.Account, actor.Scopes = account, append(actor.Scopes, zonehold.ScopeDomainsRead)
	return evidenceSource{
		chain: func(ctx context.Context, after int64, limit int) (json.RawMessage, error) {
			return a.EvidenceChain(ctx, actor, after, limit)
		},
		attempt: func(ctx context.Context, id string) (json.RawMessage, error) { return a.Evidence(ctx, actor, id) },
		domain: func(ctx context.Context, ref string, q client.EvidenceQuery) (json.RawMessage, error) {
			return a.DomainEvidence(ctx, actor, ref, app.EvidenceQuery(q))
		},
	}
}

// dayOrTime reads a moment; "" is the zero time.
func dayOrTime(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if t, err := time.Parse(time.DateOnly, s); err == nil {
		return t, nil
	}
	return time.Parse(time.RFC3339, s)
}

// writeBundle writes a bundle exactly as it is: a line feed at its end would
// break it. A file appears whole or not at all.
func (c *cli) writeBundle(name string, file []byte) error {
	if name == "" || name == "-" {
		_, err := c.stdout.Write(file)
		return err
	}
	temp, err := os.CreateTemp(filepath.Dir(name), ".zonehold-*")
	if err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	defer os.Remove(temp.Name()) //nolint:errcheck // gone when it has its name
	_, err = temp.Write(file)
	if err = errors.Join(err, temp.Sync(), temp.Close()); err == nil {
		err = os.Rename(temp.Name(), name)
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	if !c.quiet {
		fmt.Fprintf(c.stderr, "%s: %d bytes; check it with: zonehold evidence verify %s\n", name, len(file), name)
	}
	return nil
}

func (c *cli) evidenceKeys() *cobra.Command {
	var jwks bool
	cmd := &cobra.Command{
		Use:   "keys",
		Short: "List the keys that evidence is signed with, on the server's own data",
		Long: `List the keys that evidence and verification tokens are signed with, oldest
first. It works on the server's own data folder or database, beside a running
server. The public keys are what /.well-known/jwks.json shows.`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.onApp(cmd, func(ctx context.Context, a *app.App) error {
				if jwks {
					set, err := a.JWKS(ctx)
					if err != nil {
						return err
					}
					return c.printJSON(set)
				}
				keys, err := a.EvidenceKeys(ctx, self())
				if err != nil {
					return err
				}
				for _, k := range keys {
					if err := c.printKey(k); err != nil {
						return err
					}
				}
				if len(keys) == 0 && !c.quiet {
					fmt.Fprintln(c.stderr, "There is none yet; the first check makes one.")
				}
				return nil
			})
		},
	}
	rotate := &cobra.Command{
		Use:   "rotate",
		Short: "Make a new key that everything is signed with from now on",
		Long: `Make a new key that everything is signed with from now on. A running server
takes it at once. Old keys stay published, as what they signed stays; they sign
nothing any more.`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.onApp(cmd, func(ctx context.Context, a *app.App) error {
				k, err := a.RotateEvidenceKey(ctx, self())
				if err != nil {
					return err
				}
				return c.printKey(*k)
			})
		},
	}
	cmd.AddCommand(rotate)
	cmd.Flags().BoolVar(&jwks, "jwks", false, "print the public keys as the JWKS that verify --jwks reads")
	c.settingFlags(cmd, "data_dir", "database_url")
	c.settingFlagsOf(cmd, "data_dir", "database_url")
	return cmd
}

func (c *cli) printKey(k app.EvidenceKey) error {
	state := "in use"
	if !k.RetiredAt.IsZero() {
		state = "retired " + k.RetiredAt.Format(time.RFC3339)
	}
	switch {
	case c.json || c.jsonl:
		doc := map[string]any{"key_id": k.ID, "number": k.Number, "created_at": k.CreatedAt, "retired_at": nil}
		if !k.RetiredAt.IsZero() {
			doc["retired_at"] = k.RetiredAt
		}
		return c.printJSON(doc)
	case c.quiet:
		_, err := fmt.Fprintln(c.stdout, k.ID)
		return err
	}
	_, err := fmt.Fprintf(c.stdout, "%d  %s  made %s  %s\n", k.Number, k.ID, k.CreatedAt.Format(time.RFC3339), state)
	return err
}

func (c *cli) domainToken() *cobra.Command {
	var in api.CreateDomainToken
	var ttl time.Duration
	cmd := &cobra.Command{
		Use:   "token DOMAIN",
		Short: "Make a signed statement that the account has proved a domain",
		Long: `Make a signed statement, for a short time, that the account has proved a domain:
a JWS for somebody else, who checks it with the server's public keys, from
/.well-known/jwks.json. See docs/evidence.md for what they have to check.`,
		Example: `  zonehold domain token example.com --audience shop.example
  zonehold domain token example.com --ttl 5m`,
		Args: exactly("DOMAIN"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if ttl%time.Second != 0 || ttl < 0 {
				return usageError("--ttl is a time of whole seconds, from 1m to 1h")
			}
			in.TTLSeconds = int(ttl / time.Second)
			return c.api(cmd, time.Minute, func(ctx context.Context, cl *client.Client) error {
				t, err := cl.DomainToken(ctx, args[0], in)
				if err != nil {
					return err
				}
				if c.json || c.jsonl {
					return c.printJSON(t)
				}
				_, err = fmt.Fprintln(c.stdout, t.Token)
				if err == nil && !c.quiet {
					fmt.Fprintf(c.stderr, "It holds until %s.\n", t.ExpiresAt.Format(time.RFC3339))
				}
				return err
			})
		},
	}
	cmd.Flags().StringVar(&in.Audience, "audience", "", "who is to believe it, as they name themselves; default: whoever reads it")
	cmd.Flags().DurationVar(&ttl, "ttl", 0, "how long it lives, from 1m to 1h; default 10m")
	return cmd
}

// open reads a file, or standard input for "-".
func (c *cli) open(name string) (io.ReadCloser, error) {
	if name == "-" {
		return io.NopCloser(c.stdin), nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, &exitError{code: exitUsage, name: "file_unreadable", message: strings.TrimPrefix(err.Error(), "open ")}
	}
	return f, nil
}
