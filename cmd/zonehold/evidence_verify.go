package main

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"time"

	miekg "github.com/miekg/dns"
	"github.com/spf13/cobra"

	"github.com/zonehold/zonehold/evidence"
	"github.com/zonehold/zonehold/probe/dns"
)

func (c *cli) evidenceVerify() *cobra.Command {
	var jwks, anchors string
	var keys []string
	cmd := &cobra.Command{
		Use:   "verify FILE",
		Short: "Check a bundle of evidence, offline",
		Long: `Check a bundle of evidence: its form, every hash, every link of the chain, every
signature, and what validates the DNS answers in it, as of the time of each
check. It needs no server, no database and no network. FILE may be - for
standard input.

With --jwks or --key it is checked that the keys are those of the service that
you trust; get them from the service itself, at /.well-known/jwks.json. Without,
the keys in the bundle are taken as they are: that shows that nothing was
changed since it was made, but not who made it.

Exit codes: 0 intact (and of that origin, where keys are given); 3 not intact,
or of another origin; 5 intact, but recorded DNSSEC results could not be
confirmed.`,
		Example: `  zonehold evidence verify example.json --jwks jwks.json
  zonehold evidence export example.com | zonehold evidence verify -`,
		Args: exactly("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts, err := c.trust(jwks, keys)
			if err != nil {
				return err
			}
			var roots []dns.TrustAnchor
			if anchors != "" {
				f, err := c.open(anchors)
				if err == nil {
					roots, err = dns.ParseTrustAnchors(f)
					_ = f.Close()
				}
				if err != nil {
					return &exitError{code: exitUsage, name: "anchors_unreadable", message: err.Error()}
				}
			}
			opts.DNSSEC = func(a evidence.SignedAnswer) (string, error) { return revalidate(a, roots) }
			f, err := c.open(args[0])
			if err != nil {
				return err
			}
			defer f.Close()
			r, err := evidence.Verify(f, opts)
			if err != nil {
				return c.notIntact(err)
			}
			return c.printVerified(r)
		},
	}
	f := cmd.Flags()
	f.StringVar(&jwks, "jwks", "", "file with the public keys that are trusted, as at /.well-known/jwks.json")
	f.StringArrayVar(&keys, "key", nil, "a public key that is trusted: 32 bytes in base64url, the x of a JWK (may be repeated)")
	f.StringVar(&anchors, "anchors", "", "file with DNSSEC trust anchors of the root, DS or DNSKEY records; default: those of IANA")
	return cmd
}

// trust reads the keys that are trusted; none given: no check of the origin.
func (c *cli) trust(jwks string, keys []string) (opts evidence.Options, err error) {
	if jwks != "" {
		f, err := c.open(jwks)
		if err != nil {
			return opts, err
		}
		defer f.Close()
		text, err := io.ReadAll(io.LimitReader(f, 1<<20))
		if err == nil {
			opts.Keys, err = evidence.ParseJWKS(text)
		}
		if err != nil {
			return opts, &exitError{code: exitUsage, name: "keys_unreadable", message: err.Error()}
		}
	}
	for _, k := range keys {
		public, err := base64.RawURLEncoding.DecodeString(k)
		if err != nil || len(public) != ed25519.PublicKeySize {
			return opts, usageError("--key is 32 bytes in base64url, without padding", "it is the x of a key at /.well-known/jwks.json")
		}
		opts.Keys = append(opts.Keys, public)
	}
	return opts, nil
}

// revalidate validates an answer again by what is recorded with it.
func revalidate(a evidence.SignedAnswer, anchors []dns.TrustAnchor) (string, error) {
	qtype, ok := miekg.StringToType[a.Type]
	if !ok {
		return "", fmt.Errorf("unknown type %.20q", a.Type)
	}
	var chain *dns.ChainLink
	for _, s := range a.Chain {
		chain = &dns.ChainLink{Zone: s.Zone, Security: dns.Security(s.Security), DS: s.DS, Keys: s.Keys, Above: chain}
	}
	state, err := dns.Revalidate(dns.Recorded{Zone: a.Zone, Name: a.Name, Type: qtype, Message: a.Message, Chain: chain}, a.At, anchors)
	return string(state), err
}

func (c *cli) notIntact(err error) error {
	name, code := "error", exitError_
	switch {
	case errors.Is(err, evidence.ErrForm):
		name, code = "not_a_bundle", exitNo
	case errors.Is(err, evidence.ErrBroken):
		name, code = "evidence_broken", exitNo
	case errors.Is(err, evidence.ErrUntrusted):
		name, code = "key_not_trusted", exitNo
	}
	return &exitError{code: code, name: name, message: clean(err.Error())}
}

// verifiedJSON is what `evidence verify --json` prints.
type verifiedJSON struct {
	Intact    bool              `json:"intact"`
	Origin    string            `json:"origin"` // "checked" or "not_checked"
	KeyID     string            `json:"key_id"`
	Issuer    string            `json:"issuer"`
	AccountID string            `json:"account_id"`
	Scope     string            `json:"scope"`
	MadeAt    time.Time         `json:"made_at"`
	Unbroken  bool              `json:"unbroken"`
	Head      evidence.Head     `json:"head"`
	Next      string            `json:"next"`
	DNSSEC    dnssecCountJSON   `json:"dnssec"`
	Checks    []verifiedOneJSON `json:"checks"`
}

type dnssecCountJSON struct {
	Confirmed   int `json:"confirmed"`
	Unconfirmed int `json:"unconfirmed"`
}

type verifiedOneJSON struct {
	Seq       int64     `json:"seq"`
	AttemptID string    `json:"attempt_id"`
	DomainID  string    `json:"domain_id"`
	Hostname  string    `json:"hostname"`
	Method    string    `json:"method"`
	Outcome   string    `json:"outcome"`
	At        time.Time `json:"at"`
	Document  bool      `json:"document"`
	Notes     []string  `json:"notes"`
}

func (c *cli) printVerified(r *evidence.Report) error {
	b := r.Bundle
	out := verifiedJSON{
		Intact: true, Origin: "not_checked", KeyID: b.KeyID, Issuer: b.Issuer, AccountID: b.AccountID, Scope: string(b.Scope), MadeAt: b.MadeAt,
		Unbroken: r.Unbroken, Head: b.Head, Next: b.Next, Checks: []verifiedOneJSON{},
	}
	if r.Origin {
		out.Origin = "checked"
	}
	for i := range r.Entries {
		e := &r.Entries[i]
		one := verifiedOneJSON{
			Seq: e.Link.Seq, AttemptID: e.Link.AttemptID, DomainID: e.Link.DomainID, Hostname: string(e.Link.Hostname), Method: string(e.Link.Method),
			Outcome: string(e.Link.Outcome), At: e.Link.At, Document: e.Document != nil, Notes: append([]string{}, e.Notes...),
		}
		for _, d := range e.DNSSEC {
			if d.Confirmed() {
				out.DNSSEC.Confirmed++
				continue
			}
			out.DNSSEC.Unconfirmed++
			why := "found " + d.Found
			if d.Err != nil {
				why = d.Err.Error()
			}
			one.Notes = append(one.Notes, fmt.Sprintf("%s %s by %s was recorded as %s, and is not confirmed: %s", d.Name, d.Type, d.Server, d.Recorded, why))
		}
		out.Checks = append(out.Checks, one)
	}
	if c.json || c.jsonl {
		if err := c.printJSON(out); err != nil {
			return err
		}
	} else {
		c.printVerifiedText(&out)
	}
	if out.DNSSEC.Unconfirmed > 0 {
		return answered(exitPartial, "dnssec_not_confirmed")
	}
	return nil
}

func (c *cli) printVerifiedText(v *verifiedJSON) {
	p := func(format string, args ...any) { fmt.Fprintf(c.stdout, format+"\n", args...) }
	if v.Origin == "checked" {
		p("%s The evidence is intact, and signed with a key that you trust.", c.paint(green, "✔"))
	} else {
		p("%s The evidence is intact. Whose it is was not checked: it was taken to be signed with the key in the file.", c.paint(green, "✔"))
		p("  To check the origin, get the keys from the service (/.well-known/jwks.json) and give them with --jwks FILE.")
	}
	if c.quiet {
		return
	}
	p("  key      %s", clean(v.KeyID))
	p("  made     %s by %s for account %s", v.MadeAt.Format(time.RFC3339), clean(v.Issuer), clean(v.AccountID))
	switch {
	case len(v.Checks) == 0:
		p("  chain    no check in it")
	case v.Unbroken:
		p("  chain    links %d to %d of %d, without a gap", v.Checks[0].Seq, v.Checks[len(v.Checks)-1].Seq, v.Head.Seq)
	default:
		p("  chain    %d links of %d; those between them are about other domains or in other bundles", len(v.Checks), v.Head.Seq)
	}
	switch d := v.DNSSEC; {
	case d.Confirmed+d.Unconfirmed == 0:
		p("  DNSSEC   nothing recorded that could be validated")
	case d.Unconfirmed == 0:
		p("  DNSSEC   %d answers validated again, as of the time of their check, with the same result", d.Confirmed)
	default:
		p("  DNSSEC   %d answers confirmed, %s", d.Confirmed, c.paint(red, fmt.Sprintf("%d not confirmed", d.Unconfirmed)))
	}
	for _, one := range v.Checks {
		p("  %s  %s by %s: %s  %s", one.At.Format(time.RFC3339), c.paint(bold, clean(one.Hostname)), clean(one.Method), clean(one.Outcome), c.paint(dim, clean(one.AttemptID)))
		for _, n := range one.Notes {
			p("      %s", clean(n))
		}
	}
	if v.Next != "" && len(v.Checks) > 0 {
		p("  There is more: zonehold evidence export %s --cursor %s", clean(v.Checks[0].Hostname), clean(v.Next))
	}
}
