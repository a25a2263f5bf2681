// Package dns asks the authoritative servers of the public DNS, beginning at
// the root, and never believes a cache for a verdict.
//
// Every query leaves from a fresh connected socket with a random id and random
// letter case; what does not answer it exactly is counted and dropped, and the
// question is asked again over TCP. Every server address passes the guard of
// the dialer. From a message only those records are taken that its sender may
// speak for. Given trust anchors, the answer of every server is validated by
// itself (RFC 4033 to 4035, RFC 5155, RFC 6840).
package dns

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/miekg/dns"
)

// Errors of a walk. A failed walk is one of these, or the error of the
// context, wrapped with the name and the zone it happened at.
var (
	ErrNotDelegated   = errors.New("not delegated")              // the parent says the name does not exist
	ErrNoServers      = errors.New("no name server answers")     // a zone on the way is dead
	ErrBudget         = errors.New("too much work for one name") // NXNS, depth, loops of glue
	ErrLoop           = errors.New("alias loop")
	ErrChainTooLong   = errors.New("alias chain too long")
	ErrDisagree       = errors.New("name servers disagree on the alias")
	ErrBadName        = errors.New("not a DNS name")
	ErrOurNetworkDown = errors.New("no root server answers") // our own fault
)

// Resolver walks the DNS. It is safe for concurrent use. It remembers the
// delegations of top-level domains and of the public suffixes on the ICANN
// list, and their keys, for at most one hour, and the addresses of name servers
// and the keys of other zones for at most five minutes; nothing else.
type Resolver struct {
	cfg   Config
	root  *Zone
	cache *cache
	keys  *keyCache

	proven arithmetic
}

// New returns a resolver.
func New(cfg Config) (*Resolver, error) {
	if cfg.Dialer == nil {
		return nil, errors.New("dns resolver: no dialer")
	}
	if cfg.Port == 0 {
		cfg.Port = 53
	}
	if cfg.Roots == nil && cfg.TrustAnchors == nil {
		cfg.TrustAnchors = builtinAnchors()
	}
	if cfg.Roots == nil {
		cfg.Roots = builtinRoots()
	}
	for _, a := range cfg.TrustAnchors {
		if !supportedAlgorithm(a.Algorithm) || len(a.Digest) == 0 || len(a.Digest) != digestSize(a.DigestType) {
			return nil, fmt.Errorf("dns resolver: trust anchor %d cannot be used", a.KeyTag)
		}
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if len(cfg.Roots) == 0 && len(cfg.Forward) == 0 {
		return nil, errors.New("dns resolver: no root servers")
	}
	if cfg.QueryTimeout <= 0 {
		cfg.QueryTimeout = 1500 * time.Millisecond
	}
	if cfg.Attempts <= 0 {
		cfg.Attempts = 2
	}
	if cfg.MaxQueries <= 0 {
		cfg.MaxQueries = 200
	}
	r := &Resolver{cfg: cfg, root: &Zone{}, cache: newCache(), keys: newKeyCache()}
	for _, s := range cfg.Roots {
		r.root.Servers = append(r.root.Servers, NameServer{Name: fold(s.Name), Addrs: s.Addrs, Glue: true})
	}
	return r, nil
}

// Validating reports whether answers are validated by DNSSEC. If not, all are
// SecurityIndeterminate.
func (r *Resolver) Validating() bool { return len(r.cfg.TrustAnchors) > 0 && !r.Forwarding() }

// addrPort is where a server listens. Forwarders bear their address and port
// as name.
func (r *Resolver) addrPort(server string, addr netip.Addr) netip.AddrPort {
	if r.Forwarding() {
		if ap, err := netip.ParseAddrPort(server); err == nil && ap.Addr() == addr {
			return ap
		}
	}
	return netip.AddrPortFrom(addr.Unmap(), r.cfg.Port)
}

// Delegation finds the zone that holds name, walking from the root with a look
// at every label, and the addresses of all its servers. When the name does not
// exist in its parent, the zone of the parent is returned with
// ErrNotDelegated. With other errors the deepest zone reached is returned.
func (r *Resolver) Delegation(ctx context.Context, name string) (*Zone, error) {
	name, _, err := normalName(name)
	if err != nil {
		return nil, err
	}
	w := r.newWork()
	zone, err := r.walk(ctx, w, nil, name, true)
	if zone != nil && (err == nil || errors.Is(err, ErrNotDelegated)) && !isPublicZone(zone.Name) {
		zone = r.complete(ctx, w, zone, maxServers)
	}
	return zone, err
}

// Ask asks every authoritative server of the zone that holds name, without
// following aliases. Of the root, a top-level domain or a public suffix of the
// ICANN list two servers are enough to deny a name. An error means that no
// server could be asked at all.
func (r *Resolver) Ask(ctx context.Context, name string, qtype uint16) (*Answer, error) {
	q, err := newQuestion(name, qtype)
	if err != nil {
		return nil, err
	}
	return r.ask(ctx, r.newWork(), q)
}

func (r *Resolver) ask(ctx context.Context, w *work, q *question) (*Answer, error) {
	at := q.name
	if q.qtype == dns.TypeDS {
		at = parentName(at) // the parent holds it (RFC 4034 section 5)
	}
	zone, err := r.walk(ctx, w, nil, at, false)
	if err != nil && !errors.Is(err, ErrNotDelegated) {
		return nil, err
	}
	q.rd = r.Forwarding()
	return r.answerOf(ctx, r.askZone(ctx, w, zone, q))
}

// answerOf turns an answer that holds nothing but our own cancellation into an
// error.
func (r *Resolver) answerOf(ctx context.Context, a *Answer) (*Answer, error) {
	if err := ended(ctx); err != nil && len(a.Usable()) == 0 {
		return nil, fmt.Errorf("asking zone %s about %s: %w", shown(a.Zone.Name), a.Name, err)
	}
	return a, nil
}

// AskZone is Ask with the zone known.
func (r *Resolver) AskZone(ctx context.Context, zone *Zone, name string, qtype uint16) (*Answer, error) {
	q, err := r.questionIn(zone, name, qtype)
	if err != nil {
		return nil, err
	}
	return r.answerOf(ctx, r.askZone(ctx, r.newWork(), zone, q))
}

// AskOne asks one server of the zone, any other only if that one does not
// answer usably, and follows referrals to zones below. It serves for controls,
// whose answer needs no comparison.
func (r *Resolver) AskOne(ctx context.Context, zone *Zone, name string, qtype uint16) (ServerAnswer, error) {
	q, err := r.questionIn(zone, name, qtype)
	if err != nil {
		return ServerAnswer{}, err
	}
	w := r.newWork()
	a, at, err := r.askOne(ctx, w, nil, zone, q)
	if err == nil {
		r.validateOne(ctx, w, at, q, &a)
	}
	return a, err
}

func (r *Resolver) questionIn(zone *Zone, name string, qtype uint16) (*question, error) {
	q, err := newQuestion(name, qtype)
	if err != nil {
		return nil, err
	}
	q.rd = r.Forwarding()
	if !within(q.name, zone.Name) && !r.Forwarding() {
		return nil, fmt.Errorf("%w: %s is not in zone %s", ErrBadName, q.name, shown(zone.Name))
	}
	return q, nil
}

// AskServer asks one address one question. The answer is not validated: the
// address need not be one of a server of the zone.
func (r *Resolver) AskServer(ctx context.Context, zone *Zone, server string, addr netip.Addr, name string, qtype uint16) ServerAnswer {
	q, err := r.questionIn(zone, name, qtype)
	if err != nil {
		return ServerAnswer{Server: server, Addr: r.addrPort(server, addr), Status: StatusMalformed, Err: err}
	}
	a, _ := r.askTraced(ctx, r.newWork(), zone.Name, server, r.addrPort(server, addr), q)
	return a
}
