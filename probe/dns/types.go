package dns

import (
	"net/netip"
	"time"

	"github.com/zonehold/zonehold/probe"
)

// Config says where to begin and how hard to try. The zero value of every
// field but Dialer is usable.
type Config struct {
	Dialer       *probe.Dialer
	Port         uint16           // of authoritative servers; 0: 53
	Roots        []RootServer     // nil: built-in root hints
	Forward      []netip.AddrPort // closed networks: ask only these recursive servers
	Recursive    []netip.AddrPort // asked for the cached view only; nil: none
	QueryTimeout time.Duration    // one try to one server; 0: 1.5 s
	Attempts     int              // tries per address over UDP before giving up; 0: 2
	MaxQueries   int              // work budget of one lookup; 0: 200
	// TrustAnchors are the keys of the root that DNSSEC validation begins at.
	// Nil: those of IANA if Roots is nil too, else none. Without any, and with
	// Forward, nothing is validated.
	TrustAnchors []TrustAnchor
	// Now is the clock that signatures are judged by; nil: time.Now.
	Now func() time.Time
}

// RootServer is one root hint.
type RootServer struct {
	Name  string
	Addrs []netip.Addr
}

// Zone is a delegated zone as its parent describes it. It may be shared and is
// not to be changed.
type Zone struct {
	Name    string // lower case, no final dot; "" is the root
	Parent  string
	Servers []NameServer
	// DelegatedBy is the server whose referral this is; zero in forward mode.
	DelegatedBy netip.AddrPort
	// Skipped counts the servers beyond the limit of 16 names or 32 addresses,
	// which are not asked.
	Skipped int
}

// NameServer is one NS of a zone with its addresses.
type NameServer struct {
	Name  string
	Addrs []netip.Addr
	Glue  bool  // addresses came with the referral
	Err   error // why there is no usable address
}

// Status says how one server behaved, whatever the content of its answer.
type Status string

const (
	StatusOK          Status = "ok"          // authoritative answer: data, alias, NODATA or NXDOMAIN
	StatusTimeout     Status = "timeout"     // no answer
	StatusRefused     Status = "refused"     // REFUSED or NOTAUTH
	StatusServFail    Status = "servfail"    // SERVFAIL
	StatusLame        Status = "lame"        // answered, but not for this zone (no AA, referral upwards or sideways)
	StatusMalformed   Status = "malformed"   // nothing but unusable messages
	StatusUnreachable Status = "unreachable" // connection refused or reset
	StatusNoRoute     Status = "no_route"    // this machine has no such address family
	StatusForbidden   Status = "forbidden"   // the guard forbids the address
	StatusNoAddress   Status = "no_address"  // the name of the server has no address
)

// Kind says what an authoritative answer means for the question.
type Kind string

const (
	KindData     Kind = "data"     // records of the type
	KindAlias    Kind = "alias"    // a CNAME (or synthesized from DNAME) instead
	KindNoData   Kind = "nodata"   // the name exists, the type does not
	KindNXDomain Kind = "nxdomain" // no such name
	// KindReferral is a delegation to a zone below. Answers of Ask, AskZone
	// and Lookup have followed it.
	KindReferral Kind = "referral"
)

// ServerAnswer is what one address of one name server said.
type ServerAnswer struct {
	Server string // name of the server; may be empty for a resolver
	Addr   netip.AddrPort
	Status Status
	Kind   Kind // set when Status is ok
	RCode  int
	// Records are those of the asked type at the asked name, or the CNAME that
	// stands there, in canonical order. Where a DNAME above makes the CNAME,
	// the DNAME comes first; where the question was for CNAME, such an answer
	// is KindAlias too.
	Records     []Record
	SOA         *SOA   // from the authority section of a negative answer, or asked for
	Proto       string // that brought the answer: "udp" or "tcp"
	RTT         time.Duration
	EDE         string // RFC 8914 text, escaped, if any
	Err         error
	Wire        []byte   // the raw answer, as evidence; not to be changed
	Authority   bool     // AA bit
	CaseBroken  bool     // 0x20 was not echoed; confirmed over TCP
	EDNSBroken  bool     // answered only without EDNS
	Truncated   bool     // UDP answer had TC; fetched over TCP
	TCPFailed   bool     // TCP was needed and failed
	UDPFailed   bool     // answered only over TCP
	BadReplies  int      // datagrams dropped: not an answer to the question sent
	ChildNSSeen []string // NS set of the zone that came along with the answer
	Security    Security // of this very answer; SecurityIndeterminate unless Status is ok
	Fault       *Fault   // why Security is bogus, or indeterminate in spite of validation
	// Chain is what Security was found by, so that it can be found again by
	// Revalidate; nil where there was nothing to judge by.
	Chain *ChainLink
}

// Record is one resource record with its content unescaped.
type Record struct {
	Name    string // lower case, no final dot
	Type    uint16
	TTL     uint32
	Strings []string   // TXT: the raw bytes of each character-string
	Target  string     // CNAME, DNAME, NS, MX, PTR: lower case, no final dot
	Addr    netip.Addr // A, AAAA
	Pref    uint16     // MX
	Text    string     // presentation form of the whole record
}

// TXT is the content of a TXT record: its strings joined without a separator
// (RFC 7208 section 3.3, and every verification scheme since).
func (r Record) TXT() string {
	if len(r.Strings) == 1 {
		return r.Strings[0]
	}
	var n int
	for _, s := range r.Strings {
		n += len(s)
	}
	b := make([]byte, 0, n)
	for _, s := range r.Strings {
		b = append(b, s...)
	}
	return string(b)
}

// SOA is the start of authority that came with a negative answer or was asked
// for.
type SOA struct {
	Zone    string
	MName   string
	RName   string
	Serial  uint32
	TTL     uint32 // of the record itself
	Minimum uint32
}

// NegativeTTL is how long a cache may keep the "no" (RFC 2308 section 5).
func (s *SOA) NegativeTTL() time.Duration {
	return time.Duration(min(s.TTL, s.Minimum)) * time.Second
}

// Answer is what all authoritative servers of one zone said to one question.
type Answer struct {
	Name     string
	Type     uint16
	Zone     *Zone
	Servers  []ServerAnswer // one per address asked, in the zone's order
	Security Security       // the worst of the usable answers: bogus, indeterminate, insecure, secure
	Fault    *Fault         // of the answer that Security is of
}

// Lookup is a question followed through CNAME and DNAME. Hops has at least
// one element; the last is where the chain ends.
type Lookup struct {
	Hops []*Answer
	// ChainErr says why the chain could not be followed to its end: ErrLoop,
	// ErrChainTooLong, or the failure of the next zone.
	ChainErr error
}

// Addresses is the outcome of resolving a host for a connection.
type Addresses struct {
	Host  string
	Addrs []netip.Addr // IPv6 first; not yet judged by the guard
	Chain []string     // names the aliases led through, without Host
	// Kind is KindData if there are addresses, else whether the end of the
	// chain exists (KindNoData) or not (KindNXDomain).
	Kind Kind
}

// CachedAnswer is what one recursive resolver says.
type CachedAnswer struct {
	Resolver netip.AddrPort
	RCode    int
	Records  []Record
	TTL      time.Duration // time left on the records or on the negative answer
	EDE      string
	Err      error
}

// Final is the end of the chain.
func (l *Lookup) Final() *Answer { return l.Hops[len(l.Hops)-1] }
