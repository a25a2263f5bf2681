package app

import (
	"context"
	"encoding/hex"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/evidence"
)

// NewDomainToken asks for a verification token.
type NewDomainToken struct {
	Audience string        // who is to believe it; "": whoever reads it
	Life     time.Duration // 1 minute to 1 hour; 0: 10 minutes
}

// DomainToken is a verification token.
type DomainToken struct {
	Token     string // compact JWS
	ExpiresAt time.Time
	KeyID     string
}

// Life of a verification token.
const (
	minTokenLife   = time.Minute
	usualTokenLife = 10 * time.Minute
	maxTokenLife   = time.Hour
	maxAudience    = 200 // bytes
)

// DomainToken says, signed and for a short time, that the account has the
// rights of a domain.
func (a *App) DomainToken(ctx context.Context, actor zonehold.Actor, ref string, in NewDomainToken) (*DomainToken, error) {
	if err := allow(actor, zonehold.ScopeDomainsRead); err != nil {
		return nil, err
	}
	life := in.Life
	if life == 0 {
		life = usualTokenLife
	}
	if life < minTokenLife || life > maxTokenLife {
		return nil, invalid("ttl_seconds", "A token lives for 60 to 3600 seconds.")
	}
	if len(in.Audience) > maxAudience {
		return nil, invalid("audience", "The audience is at most 200 bytes.")
	}
	d, err := a.find(ctx, actor.Account.ID, ref)
	if err != nil {
		return nil, err
	}
	unproved := &Error{Kind: KindConflict, Message: "The domain is not proved now, so there is nothing to sign. Its problem says what to do."}
	if !d.State.Verified() || !d.FrozenAt.IsZero() {
		return nil, unproved
	}
	now := a.now()
	exp := now.Add(life).Truncate(time.Second)
	if end := d.GraceEndsAt; d.State == zonehold.StateAtRisk && end.Before(exp) {
		exp = end.Truncate(time.Second) // the rights may end then
	}
	if !exp.After(now) {
		return nil, unproved
	}
	c := evidence.Claims{
		Issuer: a.issuer(), Subject: string(d.Hostname), Audience: in.Audience, IssuedAt: now.Unix(), Expires: exp.Unix(), ID: zonehold.NewUUID(),
		DomainID: d.ID, AccountID: d.AccountID, State: string(d.State), Method: string(d.Method), Assurance: string(d.Assurance),
		Covers: string(d.Covers), VerifiedAt: unixOf(d.VerifiedAt), SeenAt: unixOf(d.SeenAt), NextCheckAt: unixOf(d.NextCheckAt),
		Recheck: string(actor.Account.Recheck),
	}
	if c.Recheck == "" {
		c.Recheck = string(zonehold.RecheckKeep)
	}
	switch kept, err := a.store.ProofOf(ctx, d.ID); {
	case err != nil:
		return nil, a.ours(ctx, "domain", err)
	case kept != nil:
		c.AttemptID, c.EvidenceSHA256 = kept.AttemptID, hex.EncodeToString(kept.BodySHA256[:])
	}
	key, err := a.signerNow(ctx)
	if err != nil {
		return nil, a.ours(ctx, "domain", err)
	}
	token, err := c.Sign(key.Signer)
	if err != nil {
		return nil, err
	}
	return &DomainToken{Token: token, ExpiresAt: exp.UTC(), KeyID: key.ID()}, nil
}

func unixOf(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}
