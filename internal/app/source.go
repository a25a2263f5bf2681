package app

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/problem"
)

// sources are what the proofs of one transaction rest on, locked until its
// end: what is revoked meanwhile waits, and then finds the new proof (threat
// T44). Domains are locked before, and by them.
type sources struct {
	app         *App
	tx          *store.Tx
	held        map[string]*store.Domain
	now         time.Time
	policies    map[string]*store.Policy
	delegations map[string]zonehold.Delegation
}

// hasSource reports whether the id is one of that kind.
func hasSource(source, prefix string) bool { return strings.HasPrefix(source, prefix+"_") }

// sourceDomains lists the domains that must be held to judge the sources of
// the reports.
func sourceDomains(ctx context.Context, tx *store.Tx, finishes []*finish) ([]string, error) {
	var ids, delegations []string
	for _, f := range finishes {
		switch src := f.report.Source; {
		case f.report.Outcome != zonehold.OutcomeVerified:
		case hasSource(src, zonehold.PrefixDomain):
			ids = append(ids, src)
		case hasSource(src, zonehold.PrefixDelegation):
			delegations = append(delegations, src)
		}
	}
	from, err := tx.DelegatedFrom(ctx, delegations)
	for _, id := range from {
		ids = append(ids, id)
	}
	return ids, err
}

// lockSources reads and locks the policies and delegations of the reports.
func (a *App) lockSources(ctx context.Context, tx *store.Tx, held map[string]*store.Domain, finishes []*finish, now time.Time) (*sources, error) {
	s := &sources{app: a, tx: tx, held: held, now: now}
	var policies, delegations []string
	for _, f := range finishes {
		switch src := f.report.Source; {
		case f.report.Outcome != zonehold.OutcomeVerified:
		case hasSource(src, zonehold.PrefixPolicy):
			policies = append(policies, src)
		case hasSource(src, zonehold.PrefixDelegation):
			delegations = append(delegations, src)
		}
	}
	var err error
	if s.policies, err = tx.LockPolicies(ctx, policies); err != nil {
		return nil, err
	}
	s.delegations, err = tx.LockDelegations(ctx, delegations)
	return s, err
}

// stands reports whether what the proof of d rests on is still there.
func (s *sources) stands(ctx context.Context, d *store.Domain, method zonehold.Method, source string) (bool, error) {
	switch {
	case source == "":
		return !method.Automatic(), nil
	case hasSource(source, zonehold.PrefixDomain):
		return s.covers(s.held[source], d), nil
	case hasSource(source, zonehold.PrefixPolicy):
		p := s.policies[source]
		return p != nil && p.Method == method && p.InForce(s.now) && (p.AccountID == "" || p.AccountID == d.AccountID), nil
	case hasSource(source, zonehold.PrefixDelegation):
		del, ok := s.delegations[source]
		giver := s.held[del.DomainID]
		return ok && del.InForce(s.now) && del.ToAccount == d.AccountID && del.Hostname == d.Hostname &&
			own(giver) && giver.AccountID == del.FromAccount && reaches(giver, d), nil
	case hasSource(source, zonehold.PrefixConnection):
		return found(s.tx.LockConnection(ctx, d.AccountID, source))
	case hasSource(source, prefixMailCode):
		return true, nil // it was brought back; nobody can take that away
	case strings.Contains(source, "@"):
		m, err := s.tx.LockMailbox(ctx, d.AccountID, zonehold.MailAddress(source))
		if err != nil {
			return found(err)
		}
		m, ok := mailboxNow(m, s.now)
		return ok && !m.ConfirmedAt.IsZero(), nil
	}
	return false, nil
}

func found(err error) (bool, error) {
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// own reports whether a live domain is proved, and not by what another account
// gave.
func own(d *store.Domain) bool {
	return d != nil && d.DeletedAt.IsZero() && d.State.Verified() && d.Method != zonehold.MethodDelegated
}

// reaches reports whether a giver's proof is worth the name of a delegation:
// it may have become one of a single web host since the check saw it.
func reaches(giver, d *store.Domain) bool {
	if giver.Covers == zonehold.CoversSubtree {
		return d.Hostname == giver.Hostname || d.Hostname.Under(giver.Hostname)
	}
	return d.Hostname == giver.Hostname && d.Port == giver.Port && (giver.Scheme == "" || d.Scheme == giver.Scheme)
}

// covers reports whether the proof of one domain may cover another one; what
// lies between them in the DNS, the check has asked.
func (s *sources) covers(above, d *store.Domain) bool {
	return own(above) && above.AccountID == d.AccountID && above.Method != zonehold.MethodExistingDomain &&
		d.Hostname.Under(above.Hostname) && (above.Covers == zonehold.CoversSubtree || s.app.cfg.Kit.ParentCoversAny)
}

// goneCodes are the problems of a claim that has lost what it rested on.
var goneCodes = map[zonehold.Method]problem.Code{
	zonehold.MethodExistingDomain: "parent_not_verified",
	zonehold.MethodDelegated:      "delegation_cancelled",
	zonehold.MethodWhitelist:      "not_whitelisted",
	zonehold.MethodWaved:          "waiver_missing",
	zonehold.MethodBackOffice:     "approval_missing",
	zonehold.MethodPDD:            "mail_domain_not_connected",
	zonehold.MethodAuto:           "platform_name_missing",
	zonehold.MethodEmail:          "email_address_missing",
	zonehold.MethodWHOIS:          "whois_email_missing",
	zonehold.MethodCloudflare:     "zone_not_in_account",
	zonehold.MethodAWSRoute53:     "zone_not_in_account",
}

// gone is the problem of a proof whose source went while it was checked.
func gone(d *store.Domain, method zonehold.Method) *problem.Problem {
	code, ok := goneCodes[method]
	if !ok {
		code = "verifier_fault"
	}
	p := problem.New(code, problem.Facts{
		problem.FactDomain: string(d.Hostname), problem.FactMethod: string(method), problem.FactDetail: "It ended while the check ran.",
	})
	return &p
}

// ownData reports whether a method rests on nothing but what this service
// itself keeps. There is no doubt about that, so a proof ends at once with it.
func ownData(m zonehold.Method) bool {
	return m.Automatic() && m != zonehold.MethodCloudflare && m != zonehold.MethodAWSRoute53
}
