// Package dns asks the authoritative servers of the public DNS, beginning at
// the root, and never believes a cache for a verdict.
package dns

import (
	"context"
	"errors"
	"io"
	"net/netip"
)

// Errors of a walk. A failed walk is one of these, wrapped with the name and
// the zone it happened at.
var (
	ErrNotDelegated   = errors.New("not delegated")              // the parent says the name does not exist
	ErrNoServers      = errors.New("no name server answers")     // a zone on the way is dead
	ErrBudget         = errors.New("too much work for one name") // NXNS, depth, loops of glue
	ErrLoop           = errors.New("alias loop")
	ErrChainTooLong   = errors.New("alias chain too long")
	ErrBadName        = errors.New("not a DNS name")
	ErrOurNetworkDown = errors.New("no root server answers") // our own fault
)

// Resolver walks the DNS. It is safe for concurrent use; it remembers only
// delegations from the root and from top-level domains.
type Resolver struct{ cfg Config }

// New returns a resolver.
func New(cfg Config) (*Resolver, error) { panic("owner: probe/dns") }

// ParseRootHints reads a file in named.root format.
func ParseRootHints(r io.Reader) ([]RootServer, error) { panic("owner: probe/dns") }

// Delegation finds the zone that holds name, walking from the root, and the
// addresses of all its servers. When the name does not exist in its parent,
// the zone of the parent is returned with ErrNotDelegated.
func (r *Resolver) Delegation(ctx context.Context, name string) (*Zone, error) {
	panic("owner: probe/dns")
}

// Ask asks every authoritative server of the zone that holds name, without
// following aliases. An error means that no server could be asked at all.
func (r *Resolver) Ask(ctx context.Context, name string, qtype uint16) (*Answer, error) {
	panic("owner: probe/dns")
}

// AskZone is Ask with the zone known.
func (r *Resolver) AskZone(ctx context.Context, zone *Zone, name string, qtype uint16) (*Answer, error) {
	panic("owner: probe/dns")
}

// AskServer asks one address one question.
func (r *Resolver) AskServer(ctx context.Context, zone *Zone, server string, addr netip.Addr, name string, qtype uint16) ServerAnswer {
	panic("owner: probe/dns")
}

// Lookup is Ask, followed through aliases; every hop asks every server of its
// zone.
func (r *Resolver) Lookup(ctx context.Context, name string, qtype uint16) (*Lookup, error) {
	panic("owner: probe/dns")
}

// Addrs resolves host for a connection: one A and one AAAA question per name,
// each to one authoritative server, others only if it does not answer.
func (r *Resolver) Addrs(ctx context.Context, host string) (*Addresses, error) {
	panic("owner: probe/dns")
}

// Cached asks each configured recursive resolver, for information only.
func (r *Resolver) Cached(ctx context.Context, name string, qtype uint16) []CachedAnswer {
	panic("owner: probe/dns")
}

// Agreed returns the one answer that all servers gave, and true. It returns
// false when a server did not answer usably or two differ. Servers that only
// this machine cannot reach (StatusNoRoute) do not count, nor does a dead
// address of a server that answered on another address.
func (a *Answer) Agreed() (*ServerAnswer, bool) { panic("owner: probe/dns") }

// Usable returns the answers with StatusOK.
func (a *Answer) Usable() []ServerAnswer { panic("owner: probe/dns") }

// Failed returns the servers (by name) none of whose addresses answered
// usably, one answer each, without those in StatusNoRoute.
func (a *Answer) Failed() []ServerAnswer { panic("owner: probe/dns") }

// Majority returns the answer that more than half of the servers gave, and
// false when there is none.
func (a *Answer) Majority() (*ServerAnswer, bool) { panic("owner: probe/dns") }

// Final is the end of the chain.
func (l *Lookup) Final() *Answer { return l.Hops[len(l.Hops)-1] }
