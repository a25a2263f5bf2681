package app

import (
	"context"
	"slices"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/verify"
)

// maxStanding bounds what of each kind is looked at for one claim.
const maxStanding = 50

// standings reads what the service knows of the claimant, for claims of one
// account, by domain id. One question tells what kinds of things the account
// has; only those are read. So the view of a domain of an account that has
// nothing, which is the usual one, costs that one question, and a view from
// memory none.
func (a *App) standings(ctx context.Context, domains ...*store.Domain) (map[string]*verify.Standing, error) {
	out := make(map[string]*verify.Standing, len(domains))
	if len(domains) == 0 {
		return out, nil
	}
	accountID, now := domains[0].AccountID, a.now()
	has, err := a.store.Grounds(ctx, accountID)
	if err != nil {
		return nil, err
	}
	all := verify.Standing{Account: has.Account, Providers: a.providers()}
	if has.Mailboxes {
		if all.Addresses, err = a.addresses(ctx, accountID); err != nil {
			return nil, err
		}
	}
	if has.Connection {
		if all.Accounts, err = a.zoneAccounts(ctx, accountID); err != nil {
			return nil, err
		}
	}
	for _, d := range domains {
		own := all
		out[d.ID] = &own
	}
	if has.Codes {
		codes, err := a.codes(ctx, domains)
		if err != nil {
			return nil, err
		}
		for id, own := range codes {
			out[id].Codes = own
		}
	}
	if has.Proved {
		if err := a.addParents(ctx, accountID, domains, out); err != nil {
			return nil, err
		}
	}
	if has.Delegated {
		if err := a.addDelegations(ctx, accountID, domains, out); err != nil {
			return nil, err
		}
	}
	if has.Policies {
		names := make([]zonehold.Hostname, len(domains))
		for i, d := range domains {
			names[i] = d.Hostname
		}
		policies, err := a.store.PoliciesOver(ctx, accountID, names, now)
		if err != nil {
			return nil, err
		}
		for _, d := range domains {
			for _, p := range policies {
				if s := out[d.ID]; len(s.Policies) < maxStanding && p.Gives(has.Account, d.Hostname) {
					s.Policies = append(s.Policies, p)
				}
			}
		}
	}
	return out, nil
}

func (a *App) standing(ctx context.Context, d *store.Domain) (*verify.Standing, error) {
	found, err := a.standings(ctx, d)
	if err != nil {
		return nil, err
	}
	return found[d.ID], nil
}

// providers are those that this service can talk to, in a fixed order.
func (a *App) providers() (out []zonehold.Method) {
	for _, m := range zonehold.AutomaticMethods() {
		if _, ok := a.cfg.Providers[m]; ok {
			out = append(out, m)
		}
	}
	return out
}

// ancestors are the names above one whose proof may cover it: up to the
// registrable one.
func ancestors(name zonehold.Hostname) (out []zonehold.Hostname) {
	registrable, ok := name.Registrable()
	if !ok {
		return nil
	}
	for _, above := range store.Above(name) {
		if above != zonehold.Hostname(registrable) && !above.Under(zonehold.Hostname(registrable)) {
			break
		}
		out = append(out, above)
	}
	return out
}

func (a *App) addParents(ctx context.Context, accountID string, domains []*store.Domain, out map[string]*verify.Standing) error {
	var names []zonehold.Hostname
	for _, d := range domains {
		names = append(names, ancestors(d.Hostname)...)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	if len(names) == 0 {
		return nil
	}
	found, err := a.store.VerifiedAmong(ctx, accountID, names)
	if err != nil {
		return err
	}
	by := map[zonehold.Hostname][]verify.Parent{}
	for _, p := range found {
		if own(p) && p.Method != zonehold.MethodExistingDomain {
			by[p.Hostname] = append(by[p.Hostname], parentOf(p))
		}
	}
	for _, d := range domains {
		s := out[d.ID]
		for _, name := range ancestors(d.Hostname) {
			s.Parents = append(s.Parents, by[name]...)
		}
		// Those that cover the names below first, as one host may have many ports.
		slices.SortStableFunc(s.Parents, func(x, y verify.Parent) int { return narrow(x) - narrow(y) })
		s.Parents = s.Parents[:min(len(s.Parents), maxStanding)]
	}
	return nil
}

func narrow(p verify.Parent) int {
	if p.Covers == zonehold.CoversSubtree {
		return 0
	}
	return 1
}

func parentOf(d *store.Domain) verify.Parent {
	return verify.Parent{DomainID: d.ID, Hostname: d.Hostname, Method: d.Method, Assurance: d.Assurance, Covers: d.Covers}
}

func (a *App) addDelegations(ctx context.Context, accountID string, domains []*store.Domain, out map[string]*verify.Standing) error {
	f := store.DelegationFilter{AccountID: accountID, Received: true, Limit: maxStanding}
	if len(domains) == 1 {
		f.Hostname = domains[0].Hostname
	} else {
		f.Limit = 1000 // for a list; a check asks for its one name
	}
	// Those in force first: there may be any number of ended ones, which only
	// help to explain.
	f.InForce = a.now()
	found, err := a.store.Delegations(ctx, f)
	if err != nil {
		return err
	}
	f.InForce = time.Time{}
	all, err := a.store.Delegations(ctx, f)
	if err != nil {
		return err
	}
	seen := make(map[string]bool, len(found))
	for _, del := range found {
		seen[del.ID] = true
	}
	for _, del := range all {
		if !seen[del.ID] {
			found = append(found, del)
		}
	}
	for _, d := range domains {
		s := out[d.ID]
		for _, del := range found {
			if del.Hostname == d.Hostname && len(s.Delegations) < maxStanding {
				s.Delegations = append(s.Delegations, delegationOf(del))
			}
		}
	}
	return nil
}

func delegationOf(del *store.Delegation) verify.Delegation {
	src := del.Source
	return verify.Delegation{
		Delegation: del.Delegation, FromName: del.FromName, Verified: src.Verified, Scheme: src.Scheme, Port: src.Port,
		Source: verify.Parent{DomainID: del.DomainID, Hostname: src.Hostname, Method: src.Method, Assurance: src.Assurance, Covers: src.Covers},
	}
}

// mayProve reports whether any method for which nothing is placed could apply
// to the claim. It asks nobody.
func (a *App) mayProve(c verify.Claim) bool {
	for _, name := range zonehold.AutomaticMethods() {
		if m, ok := verify.Lookup(name); ok {
			if ok, _ := verify.Applicable(a.cfg.Kit, c, m); ok {
				return true
			}
		}
	}
	return false
}
