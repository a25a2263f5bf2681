package app

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/evidence"
	"github.com/zonehold/zonehold/internal/store"
)

// Bundles are the use cases around evidence that leaves the service.
type Bundles interface {
	// DomainEvidence is a signed bundle of a domain's checks, oldest first.
	// Next in it is the cursor of what did not fit.
	DomainEvidence(ctx context.Context, actor zonehold.Actor, ref string, q EvidenceQuery) ([]byte, error)
	// EvidenceChain is a signed bundle of the account's chain without
	// documents, from the link after that number on.
	EvidenceChain(ctx context.Context, actor zonehold.Actor, after int64, limit int) ([]byte, error)
	// JWKS is the set of all public keys, the newest first.
	JWKS(ctx context.Context) (evidence.JWKS, error)
	// DomainToken says, signed and for a short time, that the account has the
	// rights of a domain. KindConflict: they do not stand now.
	DomainToken(ctx context.Context, actor zonehold.Actor, ref string, in NewDomainToken) (*DomainToken, error)
}

// EvidenceQuery selects checks of a domain by when they were made.
type EvidenceQuery struct {
	From, To time.Time // To is not in it; zero: no bound
	Limit    int       // 1..100; 0: 20
	Cursor   string
}

// Bounds of one bundle. A document may have store.MaxEvidence bytes, and JSON
// adds a third to what is binary.
const (
	bundleEntries = 100
	bundleBytes   = 8 << 20 // of documents; one may go over it
	bundleStep    = 16      // documents read at a time
	chainLinks    = 5000
)

// issuer is what the service calls itself in what it signs.
func (a *App) issuer() string { return cmp.Or(a.cfg.PublicURL, "zonehold") }

// Evidence is the signed bundle of one finished attempt.
func (a *App) Evidence(ctx context.Context, actor zonehold.Actor, attemptID string) (json.RawMessage, error) {
	if err := allow(actor, zonehold.ScopeDomainsRead); err != nil {
		return nil, err
	}
	kept, err := a.store.Evidence(ctx, actor.Account.ID, attemptID)
	if err == nil && kept.Link == nil {
		return nil, &Error{Kind: KindNotFound, Message: "The evidence of this attempt was stored without a signature: it is older than signatures, or no secret key was set."}
	}
	if err != nil {
		return nil, a.ours(ctx, "finished attempt", err)
	}
	file, err := a.seal(ctx, actor, &evidence.Bundle{
		Scope: evidence.ScopeAttempt, DomainID: kept.Link.DomainID, Hostname: zonehold.Hostname(kept.Link.Hostname),
	}, []*store.Kept{kept})
	return file, a.ours(ctx, "finished attempt", err)
}

// DomainEvidence is a signed bundle of a domain's checks, oldest first.
func (a *App) DomainEvidence(ctx context.Context, actor zonehold.Actor, ref string, q EvidenceQuery) ([]byte, error) {
	if err := allow(actor, zonehold.ScopeDomainsRead); err != nil {
		return nil, err
	}
	if q.Limit < 0 || q.Limit > bundleEntries {
		return nil, invalid("limit", "The limit is from 1 to 100.")
	}
	if !q.To.IsZero() && q.To.Before(q.From) {
		return nil, invalid("to", "The end is before the beginning.")
	}
	limit := cmp.Or(q.Limit, 20)
	d, err := a.find(ctx, actor.Account.ID, ref)
	if err != nil {
		return nil, err
	}
	var after place
	if q.Cursor != "" {
		if after, err = parseCursor(q.Cursor, evidenceOrder); err != nil {
			return nil, err
		}
	}
	created := time.Time{}
	if after.Time != 0 {
		created = time.UnixMicro(after.Time)
	}
	b := &evidence.Bundle{Scope: evidence.ScopeDomain, DomainID: d.ID, Hostname: d.Hostname, From: jsonTime(q.From), To: jsonTime(q.To)}
	// Some at a time: there is no need to hold more than there is room for.
	var kept []*store.Kept
	id, size, more := after.ID, 0, true
	for more && len(kept) < limit && size < bundleBytes {
		ask := min(bundleStep, limit-len(kept))
		found, err := a.store.EvidenceOfDomain(ctx, d.ID, q.From, q.To, created, id, ask+1)
		if err != nil {
			return nil, a.ours(ctx, "domain", err)
		}
		more = len(found) > ask
		for _, k := range found[:min(len(found), ask)] {
			if size >= bundleBytes {
				more = true
				break
			}
			kept, size = append(kept, k), size+len(k.Body)
			created, id = k.CreatedAt, k.AttemptID
		}
	}
	if more {
		b.Next = place{Order: evidenceOrder, Time: created.UnixMicro(), ID: id}.cursor()
	}
	// What is older than chains has no link, and nothing that could be checked.
	kept = slices.DeleteFunc(kept, func(k *store.Kept) bool { return k.Link == nil })
	file, err := a.seal(ctx, actor, b, kept)
	return file, a.ours(ctx, "domain", err)
}

const evidenceOrder = "evidence"

// EvidenceChain is a signed bundle of the account's chain without documents.
func (a *App) EvidenceChain(ctx context.Context, actor zonehold.Actor, after int64, limit int) ([]byte, error) {
	if err := allow(actor, zonehold.ScopeDomainsRead); err != nil {
		return nil, err
	}
	if limit < 0 || limit > chainLinks {
		return nil, invalid("limit", "The limit is from 1 to 5000.")
	}
	if after < 0 {
		return nil, invalid("after", "Links are counted from 1.")
	}
	h, err := a.store.Chain(ctx, actor.Account.ID)
	if err != nil {
		return nil, a.ours(ctx, "account", err)
	}
	// Before the cut there are only links of proofs that still stand.
	links, err := a.store.Links(ctx, h.Account, max(after, h.Cut), cmp.Or(limit, 1000))
	if err != nil {
		return nil, a.ours(ctx, "account", err)
	}
	kept := make([]*store.Kept, len(links))
	for i := range links {
		kept[i] = &store.Kept{Link: &links[i]}
	}
	file, err := a.seal(ctx, actor, &evidence.Bundle{Scope: evidence.ScopeChain}, kept)
	return file, a.ours(ctx, "account", err)
}

// seal fills a bundle and signs it.
func (a *App) seal(ctx context.Context, actor zonehold.Actor, b *evidence.Bundle, kept []*store.Kept) ([]byte, error) {
	b.Issuer, b.Version, b.MadeAt, b.AccountID = a.issuer(), a.cfg.Version, a.now(), actor.Account.ID
	b.Entries, b.Keys, b.Blobs = []evidence.Entry{}, []evidence.JWK{}, []evidence.Blob{}
	key, err := a.signerNow(ctx)
	if err != nil {
		return nil, err
	}
	// After the links were read, so that the head is not behind them.
	h, err := a.store.Chain(ctx, actor.Account.ID)
	if err != nil {
		return nil, err
	}
	public, err := a.publicKeys(ctx)
	if err != nil {
		return nil, err
	}
	used := map[int64]bool{key.number: true}
	b.Head = evidence.Head{Seq: h.Seq, Hash: h.Hash}
	if h.Check != "" {
		if err := json.Unmarshal([]byte(h.Check), &b.Checkpoint); err != nil {
			return nil, err
		}
		for n, k := range public {
			used[n] = used[n] || k.ID == b.Checkpoint.KeyID
		}
	}
	var blobs [][32]byte
	for _, k := range kept {
		used[k.Link.Key] = true
		e := evidence.Entry{Link: linkOf(k.Link, actor.Account.ID, public[k.Link.Key]), Document: k.Body}
		b.Entries = append(b.Entries, e)
		blobs = append(blobs, blobsOf(k.Body)...)
	}
	slices.SortFunc(b.Entries, func(x, y evidence.Entry) int { return cmp.Compare(x.Link.Seq, y.Link.Seq) })
	for n := range used {
		b.Keys = append(b.Keys, evidence.NewJWK(public[n].Public))
	}
	slices.SortFunc(b.Keys, func(x, y evidence.JWK) int { return cmp.Compare(x.ID, y.ID) })
	found, err := a.store.Blobs(ctx, blobs)
	if err != nil {
		return nil, err
	}
	for sum, data := range found {
		b.Blobs = append(b.Blobs, evidence.Blob{SHA256: sum, Data: data})
	}
	slices.SortFunc(b.Blobs, func(x, y evidence.Blob) int { return bytes.Compare(x.SHA256[:], y.SHA256[:]) })
	return b.Seal(key.Signer)
}

// blobsOf lists the blobs that a document names.
func blobsOf(document []byte) (out [][32]byte) {
	if len(document) == 0 {
		return nil
	}
	var doc struct {
		Chains []evidence.ZoneKeys `json:"dnssec"`
	}
	if json.Unmarshal(document, &doc) != nil {
		return nil // who checks the bundle will be told
	}
	for _, z := range doc.Chains {
		for _, h := range []evidence.Hash{z.DSSHA256, z.KeysSHA256} {
			if h != (evidence.Hash{}) && !slices.Contains(out, [32]byte(h)) {
				out = append(out, h)
			}
		}
	}
	return out
}

// signerNow is signer outside of a transaction.
func (a *App) signerNow(ctx context.Context) (k signingKey, err error) {
	newest, err := a.store.NewestKey(ctx)
	if err != nil {
		return k, err
	}
	s := &a.signing
	s.mu.Lock()
	if newest > 0 && s.newest == newest {
		defer s.mu.Unlock()
		return signingKey{s.number, s.signer}, nil
	}
	s.mu.Unlock()
	err = a.store.InTx(ctx, func(tx *store.Tx) error {
		k, err = a.signer(ctx, tx)
		return err
	})
	return k, err
}
