package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/store"
)

// CreateDomain claims a hostname; false when the account already has it.
func (a *App) CreateDomain(ctx context.Context, actor zonehold.Actor, in CreateDomain) (*Domain, bool, error) {
	if err := allow(actor, zonehold.ScopeDomainsWrite); err != nil {
		return nil, false, err
	}
	profile := in.Profile
	if profile == "" {
		profile = zonehold.ProfileZonehold
	}
	if !profile.Valid() {
		return nil, false, invalid("profile", "There is no such profile. Known ones: zonehold, yandex, probely.")
	}
	name, err := zonehold.ParseHostname(in.Hostname)
	if err == nil {
		err = name.CheckClaim()
	}
	if err != nil {
		return nil, false, refused(in.Hostname, err)
	}
	if profile == zonehold.ProfileYandex && in.Scheme == "" {
		in.Scheme = "http" // a site of that dialect always has one
	}
	port, err := checkOrigin(in.Scheme, in.Port)
	if err != nil {
		return nil, false, err
	}
	accountToken := ""
	if profile == zonehold.ProfileProbely {
		if accountToken, err = a.store.ProbelyToken(ctx, actor.Account.ID); err != nil {
			return nil, false, a.ours(ctx, "account", err)
		}
	}
	tokens, err := zonehold.NewTokens(profile, accountToken)
	if err != nil {
		return nil, false, fmt.Errorf("making tokens: %w", err)
	}
	ownTokens, err := zonehold.NewTokens(profile, "")
	if err != nil {
		return nil, false, fmt.Errorf("making tokens: %w", err)
	}
	now := a.now()
	d := &store.Domain{Domain: zonehold.Domain{
		ID: zonehold.NewID(zonehold.PrefixDomain), AccountID: actor.Account.ID, Hostname: name, Scheme: in.Scheme, Port: port,
		Profile: profile, Tokens: tokens, Generation: 1, Version: 1, State: zonehold.StatePending, StateSince: now,
		DiscoveryEnabled: true, Tags: []string{}, CreatedAt: now, UpdatedAt: now,
	}}
	if _, err := a.patch(d, DomainPatch{BasicAuthUsername: &in.BasicAuthUsername, BasicAuthPassword: ifGiven(in.BasicAuthPassword)}, now); err != nil {
		return nil, false, err
	}
	// Should the check at once come to nothing, the claim is looked at later.
	if a.knownToProve(ctx, d) {
		d.NextCheckAt = now.Add(knownLater)
	}
	created := true
	err = a.store.InTx(ctx, func(tx *store.Tx) error {
		created = true
		if err := tx.LockAccount(ctx, actor.Account.ID); err != nil {
			return err
		}
		switch had, err := tx.DomainByHost(ctx, actor.Account.ID, in.Scheme, name, port); {
		case err == nil:
			d, created = had, false
			return nil
		case !errors.Is(err, store.ErrNotFound):
			return err
		}
		switch n, err := tx.CountDomains(ctx, actor.Account.ID); {
		case err != nil:
			return err
		case n >= a.cfg.DomainLimit:
			return &Error{Kind: KindLimit, Limit: a.cfg.DomainLimit,
				Message: fmt.Sprintf("The account has %d domains, which is the limit. Delete one first.", n)}
		}
		if accountToken != "" {
			// What was taken from a claim on the name proves no other one on it.
			was, err := tx.HadToken(ctx, actor.Account.ID, name, accountToken)
			if err != nil {
				return err
			}
			if was {
				d.Tokens = ownTokens
			}
		}
		if err := tx.InsertDomain(ctx, d); err != nil {
			return err
		}
		if err := a.audit(ctx, tx, actor, "domain.create", d.ID, map[string]any{"name": string(name), "profile": string(profile)}); err != nil {
			return err
		}
		return tx.AppendEvents(ctx, []*zonehold.Event{domainEvent(zonehold.EventDomainCreated, d, now)})
	})
	if err != nil {
		return nil, false, a.ours(ctx, "account", err)
	}
	if created {
		a.wake.ring(actor.Account.ID)
		return a.tryKnown(ctx, d), true, nil
	}
	views, err := a.views(ctx, d)
	if err != nil {
		return nil, false, a.ours(ctx, "domain", err)
	}
	return views[0], false, nil
}

// ifGiven is nil for "".
func ifGiven(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// checkOrigin judges scheme and port, and drops the scheme's default port.
func checkOrigin(scheme string, port int) (uint16, error) {
	if scheme != "" && scheme != "http" && scheme != "https" {
		return 0, invalid("scheme", "The scheme is http or https, or left out.")
	}
	if port < 0 || port > 65535 {
		return 0, invalid("port", "A port is a number from 1 to 65535.")
	}
	if scheme == "http" && port == 80 || scheme == "https" && port == 443 {
		return 0, nil
	}
	return uint16(port), nil
}

// find resolves a reference: an id, a short id, or a hostname as typed.
func (a *App) find(ctx context.Context, accountID, ref string) (*store.Domain, error) {
	var (
		d   *store.Domain
		err error
	)
	if zonehold.ValidID(zonehold.PrefixDomain, ref) {
		d, err = a.store.DomainByID(ctx, accountID, ref)
	} else if name, bad := zonehold.ParseHostname(ref); bad == nil {
		d, err = a.store.DomainByName(ctx, accountID, name)
	} else {
		d, err = a.store.DomainByShortID(ctx, accountID, ref) // has no dot, so it is no hostname
	}
	return d, a.ours(ctx, "domain", err)
}

// Domain finds by id ("dom_…"), by its ShortID, or by hostname.
func (a *App) Domain(ctx context.Context, actor zonehold.Actor, ref string) (*Domain, error) {
	if err := allow(actor, zonehold.ScopeDomainsRead); err != nil {
		return nil, err
	}
	v, err := a.still(seenKey{account: actor.Account.ID, name: ref}, func() (*Domain, error) {
		return a.domain(ctx, actor.Account.ID, ref)
	})
	if v != nil {
		v.judge(a.now())
	}
	return v, err
}

func (a *App) domain(ctx context.Context, accountID, ref string) (*Domain, error) {
	if zonehold.ValidID(zonehold.PrefixDomain, ref) {
		mark, err := a.store.MarkByID(ctx, accountID, ref)
		if err != nil {
			return nil, a.ours(ctx, "domain", err)
		}
		if v := a.seen.get(mark); v != nil {
			return v, nil
		}
	}
	d, err := a.find(ctx, accountID, ref)
	if err != nil {
		return nil, err
	}
	return a.oneView(ctx, d)
}

// Stamp stays the same while nothing of the database has changed; false where
// another process may change it (contrast DomainVersion).
func (a *App) Stamp() (stamp uint64, ok bool) { return a.store.Stamp() }

// DomainVersion is the version of a domain alone, for callers that keep what
// they made of it. A domain with a check under way has none (KindConflict).
func (a *App) DomainVersion(ctx context.Context, accountID, id string) (int64, error) {
	mark, err := a.store.MarkByID(ctx, accountID, id)
	if err == nil && mark.Busy {
		err = &Error{Kind: KindConflict, Message: "A check of this domain is under way."}
	}
	return mark.Version, a.ours(ctx, "domain", err)
}

func (a *App) oneView(ctx context.Context, d *store.Domain) (*Domain, error) {
	views, err := a.views(ctx, d)
	if err != nil {
		return nil, a.ours(ctx, "domain", err)
	}
	a.seen.put(views[0])
	return views[0], nil
}

// Host finds the claim with exactly that scheme, hostname and port (0: default).
func (a *App) Host(ctx context.Context, actor zonehold.Actor, scheme, hostname string, port uint16) (*Domain, error) {
	if err := allow(actor, zonehold.ScopeDomainsRead); err != nil {
		return nil, err
	}
	key := seenKey{account: actor.Account.ID, scheme: scheme, name: hostname, port: port, host: true}
	v, err := a.still(key, func() (*Domain, error) { return a.host(ctx, actor.Account.ID, scheme, hostname, port) })
	if v != nil {
		v.judge(a.now())
	}
	return v, err
}

func (a *App) host(ctx context.Context, accountID, scheme, hostname string, port uint16) (*Domain, error) {
	name, err := zonehold.ParseHostname(hostname)
	if err != nil {
		return nil, notFound("domain")
	}
	if port, err = checkOrigin(scheme, int(port)); err != nil {
		return nil, notFound("domain")
	}
	mark, err := a.store.MarkByHost(ctx, accountID, scheme, name, port)
	if err != nil {
		return nil, a.ours(ctx, "domain", err)
	}
	if v := a.seen.get(mark); v != nil {
		return v, nil
	}
	d, err := a.store.DomainByHost(ctx, accountID, scheme, name, port)
	if err != nil {
		return nil, a.ours(ctx, "domain", err)
	}
	return a.oneView(ctx, d)
}

// Domains lists the account's domains.
func (a *App) Domains(ctx context.Context, actor zonehold.Actor, q DomainQuery) (Page[*Domain], error) {
	var page Page[*Domain]
	if err := allow(actor, zonehold.ScopeDomainsRead); err != nil {
		return page, err
	}
	if q.State != "" && !q.State.Valid() {
		return page, invalid("state", "The state is pending, verified, at_risk or lapsed.")
	}
	limit, err := checkLimit(q.Limit)
	if err != nil {
		return page, err
	}
	order := q.Sort
	if order == "" {
		order = "hostname"
	}
	f := store.DomainFilter{AccountID: actor.Account.ID, State: q.State, Method: q.Method, Profile: q.Profile, Text: searchText(q.Text)}
	f.Order.By, f.Order.Desc = strings.CutPrefix(order, "-")
	if !slices.Contains([]string{"hostname", "-hostname", "created_at", "-created_at", "state_since", "-state_since"}, order) {
		return page, invalid("sort", "Sort by hostname, created_at or state_since, with a minus in front for the reverse.")
	}
	if q.Cursor != "" {
		p, err := parseCursor(q.Cursor, order)
		if err != nil {
			return page, err
		}
		f.After = &store.DomainKey{Name: p.Name, Time: p.time(), ID: p.ID}
	}
	if limit > 0 {
		f.Limit = limit + 1
	}
	domains, err := a.store.Domains(ctx, f)
	if err != nil {
		return page, a.ours(ctx, "domain", err)
	}
	if limit > 0 && len(domains) > limit {
		domains = domains[:limit]
		last := domains[limit-1]
		p := place{Order: order, ID: last.ID}
		switch f.Order.By {
		case "hostname":
			p.Name = string(last.Hostname)
		case "created_at":
			p.Time = last.CreatedAt.UnixMicro()
		case "state_since":
			p.Time = last.StateSince.UnixMicro()
		}
		page.NextCursor = p.cursor()
	}
	if q.Bare {
		page.Items, err = a.bareViews(ctx, domains)
	} else {
		page.Items, err = a.views(ctx, domains...)
	}
	return page, a.ours(ctx, "domain", err)
}

// checkLimit returns the page size; 0 means all.
func checkLimit(limit int) (int, error) {
	switch {
	case limit == 0:
		return 50, nil
	case limit == -1:
		return 0, nil
	case limit < 0 || limit > 500:
		return 0, invalid("limit", "The limit is a number from 1 to 500.")
	}
	return limit, nil
}

// searchText maps a part of a name as typed to A-labels, as far as possible.
func searchText(s string) string {
	s = strings.ToLower(strings.TrimSpace(clip(s, 300)))
	if ascii, err := idna.Punycode.ToASCII(s); err == nil {
		return ascii
	}
	return s
}

// change locks a domain of the account, lets fn change it, and stores it. fn
// returns the events to write and whether anything changed at all.
func (a *App) change(ctx context.Context, actor zonehold.Actor, ref string, version int64,
	fn func(tx *store.Tx, d *store.Domain, now time.Time) ([]*zonehold.Event, bool, error)) (*store.Domain, error) {
	if err := allow(actor, zonehold.ScopeDomainsWrite); err != nil {
		return nil, err
	}
	found, err := a.find(ctx, actor.Account.ID, ref)
	if err != nil {
		return nil, err
	}
	var (
		d        *store.Domain
		canceled []*store.Attempt
	)
	var touched []string
	err = a.holding(ctx, []string{found.ID}, func(tx *store.Tx, held map[string]*store.Domain) error {
		canceled, touched = nil, nil
		d = held[found.ID]
		if d == nil || !d.DeletedAt.IsZero() {
			return notFound("domain")
		}
		if version != 0 && version != d.Version {
			return &Error{Kind: KindPrecondition, Message: "The domain has changed meanwhile. Read it again."}
		}
		generation, proved := d.Generation, d.State.Verified()
		now := a.now()
		events, changed, err := fn(tx, d, now)
		if err != nil || !changed {
			return err
		}
		if d.Generation != generation {
			// Results of running checks are about something that is no more.
			if canceled, err = tx.CancelUnfinished(ctx, d.ID, now); err != nil {
				return err
			}
			if err := a.jobs.Delete(ctx, tx, jobIDs(canceled)); err != nil {
				return err
			}
		}
		d.UpdatedAt = now
		var fallen []*store.Domain
		if proved && !(d.State.Verified() && d.DeletedAt.IsZero()) {
			how := "It was moved to another port"
			if !d.DeletedAt.IsZero() {
				how = "It was given up"
			}
			lost, err := a.lossOf(ctx, tx, []*store.Domain{d}, how, now)
			if err != nil {
				return err
			}
			var more []*zonehold.Event
			if fallen, more, err = a.fall(ctx, tx, held, lost, now); err != nil {
				return err
			}
			events = append(events, more...)
			for _, f := range fallen {
				touched = append(touched, f.AccountID)
			}
		}
		// Before the unique index of claims: CreateDomain meets it under this lock.
		// Those of whom something falls, too: events lock them together.
		if err := tx.LockAccounts(ctx, append(touched, d.AccountID)); err != nil {
			return err
		}
		if err := tx.UpdateDomain(ctx, d); err != nil {
			return err
		}
		if err := tx.UpdateVerdicts(ctx, fallen); err != nil {
			return err
		}
		return tx.AppendEvents(ctx, events)
	})
	if errors.Is(err, store.ErrExists) {
		return nil, err
	}
	if err != nil {
		return nil, a.ours(ctx, "domain", err)
	}
	keys := append(touched, actor.Account.ID)
	for _, at := range canceled {
		a.runs.cancel(at.ID, errCanceled)
		keys = append(keys, at.ID)
	}
	a.wake.ring(keys...)
	return d, nil
}

func jobIDs(attempts []*store.Attempt) []int64 {
	var ids []int64
	for _, at := range attempts {
		if at.JobID != 0 {
			ids = append(ids, at.JobID)
		}
	}
	return ids
}

// UpdateDomain changes settings. It fails with KindPrecondition when version
// is not 0 and not the current one.
func (a *App) UpdateDomain(ctx context.Context, actor zonehold.Actor, ref string, p DomainPatch, version int64) (*Domain, error) {
	d, err := a.change(ctx, actor, ref, version, func(tx *store.Tx, d *store.Domain, now time.Time) ([]*zonehold.Event, bool, error) {
		fields, err := a.patch(d, p, now)
		if err != nil || len(fields) == 0 {
			return nil, false, err
		}
		e := domainEvent(zonehold.EventDomainUpdated, d, now)
		e.Data = withFields(e.Data, fields)
		err = a.audit(ctx, tx, actor, "domain.update", d.ID, map[string]any{"name": string(d.Hostname), "changed": fields})
		return []*zonehold.Event{e}, true, err
	})
	switch {
	case errors.Is(err, store.ErrExists):
		return nil, invalid("port", "The account has another claim on that host and port.")
	case err != nil:
		return nil, err
	}
	return a.oneView(ctx, d)
}

// patch applies p to d and names the fields that changed.
func (a *App) patch(d *store.Domain, p DomainPatch, now time.Time) (fields []string, err error) {
	if p.DiscoveryEnabled != nil && *p.DiscoveryEnabled != d.DiscoveryEnabled {
		d.DiscoveryEnabled = *p.DiscoveryEnabled
		fields = append(fields, "discovery_enabled")
	}
	if p.BasicAuthUsername != nil && *p.BasicAuthUsername != d.BasicUser {
		if err := checkCredential(*p.BasicAuthUsername); err != nil || strings.Contains(*p.BasicAuthUsername, ":") {
			return nil, invalid("basic_auth_username", "A user name has at most 255 characters, no colon and no control characters.")
		}
		d.BasicUser = *p.BasicAuthUsername
		fields = append(fields, "basic_auth_username")
	}
	if p.BasicAuthPassword != nil {
		if err := checkCredential(*p.BasicAuthPassword); err != nil {
			return nil, invalid("basic_auth_password", "A password has at most 255 characters and no control characters.")
		}
		if err := a.store.SetBasicPassword(d, *p.BasicAuthPassword); err != nil {
			if errors.Is(err, store.ErrNoKey) {
				return nil, invalid("basic_auth_password", "Passwords cannot be kept: the operator has set no secret key.")
			}
			return nil, err
		}
		fields = append(fields, "basic_auth_password")
	}
	if p.Tags != nil && !slices.Equal(*p.Tags, d.Tags) {
		if err := checkTags(*p.Tags); err != nil {
			return nil, err
		}
		d.Tags = *p.Tags
		fields = append(fields, "tags")
	}
	if p.Port != nil {
		port, err := checkOrigin(d.Scheme, *p.Port)
		if err != nil {
			return nil, err
		}
		if port != d.Port {
			d.Port = port
			d.Spares = nil
			if !d.State.Verified() || d.Covers != zonehold.CoversSubtree {
				// What runs now asks another server. A proof that does not depend on
				// the port is looked at on: who changes the port again and again must
				// not keep such looks from ending.
				d.Generation++
			}
			if d.Covers == zonehold.CoversHost && d.State != zonehold.StatePending {
				// The proof was about the server at the old port.
				d.State, d.StateSince = zonehold.StatePending, now
				given := d.Method.Automatic()
				forget(d)
				if given {
					d.NextCheckAt = now // the new one may be given, too
				}
			}
			fields = append(fields, "port")
		}
	}
	return fields, nil
}

func checkCredential(s string) error {
	if len(s) > 255 || !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
		return errors.New("not usable")
	}
	return nil
}

func checkTags(tags []string) error {
	if len(tags) > 50 {
		return invalid("tags", "A domain has at most 50 tags.")
	}
	for i, tag := range tags {
		if tag == "" || utf8.RuneCountInString(tag) > 64 || !utf8.ValidString(tag) || strings.ContainsFunc(tag, unicode.IsControl) {
			return invalid("tags", "A tag has 1 to 64 characters and no control characters.")
		}
		if slices.Contains(tags[:i], tag) {
			return invalid("tags", "Each tag stands once.")
		}
	}
	return nil
}

// DeleteDomain gives a claim up. Its tokens never prove anything again, and
// the results of running checks are dropped (threats T44, T45).
func (a *App) DeleteDomain(ctx context.Context, actor zonehold.Actor, ref string, version int64) error {
	_, err := a.change(ctx, actor, ref, version, func(tx *store.Tx, d *store.Domain, now time.Time) ([]*zonehold.Event, bool, error) {
		d.DeletedAt, d.NextCheckAt, d.GraceEndsAt = now, time.Time{}, time.Time{}
		d.Generation++
		d.BasicUser = ""
		if err := a.store.SetBasicPassword(d, ""); err != nil {
			return nil, false, err
		}
		if err := tx.RetireClaimTokens(ctx, d.ID, now); err != nil {
			return nil, false, err
		}
		err := a.audit(ctx, tx, actor, "domain.delete", d.ID, map[string]any{"name": string(d.Hostname), "state": string(d.State)})
		return []*zonehold.Event{domainEvent(zonehold.EventDomainDeleted, d, now)}, true, err
	})
	return err
}

// Owners lists the verified claims on the same scheme, hostname and port, of
// all accounts.
func (a *App) Owners(ctx context.Context, actor zonehold.Actor, d *Domain) ([]Owner, error) {
	if err := allow(actor, zonehold.ScopeDomainsRead); err != nil {
		return nil, err
	}
	if d.AccountID != actor.Account.ID {
		return nil, notFound("domain")
	}
	domains, accounts, err := a.store.VerifiedClaims(ctx, d.Scheme, d.Hostname, d.Port)
	if err != nil {
		return nil, a.ours(ctx, "domain", err)
	}
	out := make([]Owner, len(domains))
	for i, claim := range domains {
		out[i] = Owner{Account: accounts[i], Domain: claim.Domain, VerifiedAt: claim.VerifiedAt}
	}
	return out, nil
}
