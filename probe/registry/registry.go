// Package registry asks who a domain is registered to: RDAP first, then WHOIS
// on port 43.
//
// Servers are those that IANA names for the top-level domain, in its RDAP
// bootstrap or by its WHOIS referral, and no others: no list of our own
// decides, and what a registry's answer calls the registrar's server is not
// followed (threats T10, T40). Every address passes the guard, every answer
// is bounded, must be about exactly the domain that was asked for, and gives
// mail addresses only from contact fields: remarks, notices, legal text and
// the contacts of registrars are not read for them (threat T41).
package registry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/probe"
	"github.com/zonehold/zonehold/probe/web"
)

// Errors of Lookup. Each comes wrapped in an *Error that names the server and
// the reason.
var (
	// ErrNoService: neither RDAP nor WHOIS is known for the top-level domain.
	ErrNoService = errors.New("the top-level domain has no registration service")
	// ErrNotRegistered: the registry says that the domain does not exist.
	ErrNotRegistered = errors.New("the domain is not registered")
	// ErrUnavailable: no usable answer came. It says nothing of the domain.
	ErrUnavailable = errors.New("the registration data is not available")
	// ErrForbidden: the guard does not let us contact the server.
	ErrForbidden = probe.ErrForbidden
	// ErrNotRegistrable: the name is no registration of its own.
	ErrNotRegistrable = errors.New("the name has no registration of its own")
)

// The sources of a Registration.
const (
	SourceRDAP  = "rdap"
	SourceWHOIS = "whois"
)

// Roles of contacts, as RDAP names them (RFC 9083 section 10.2.4). Others,
// that of the registrar for one, are no contacts of the domain.
const (
	RoleRegistrant     = "registrant"
	RoleAdministrative = "administrative"
	RoleTechnical      = "technical"
	RoleBilling        = "billing"
)

// Bounds of what is read and kept.
const (
	maxWHOIS    = 64 << 10  // bytes of one WHOIS answer; a longer one is refused
	maxRDAP     = 1 << 20   // bytes of one RDAP answer or bootstrap; a longer one is refused
	maxRaw      = 256 << 10 // bytes kept as evidence
	maxText     = 200       // characters of one text kept
	maxEach     = 32        // contacts, statuses, name servers kept
	cacheFor    = 24 * time.Hour
	maxCacheAge = 48 * time.Hour // Baseline Requirements 3.2.2.4: older data is not relied on
)

// Config of a Client. Zero values are usable except Dialer and DNS.
type Config struct {
	Dialer *probe.Dialer
	DNS    web.AddressResolver // *dns.Resolver is one
	// HTTP is a client of web.NewAPIClient; nil: RDAP is not asked.
	HTTP *http.Client
	// WHOISRoot is where referrals begin, "host[:port]"; "": whois.iana.org.
	// With a port, servers that are referred to are asked at that port too.
	WHOISRoot string
	// Bootstrap is the https URL or the path of a file in the format of RFC
	// 9224; "": IANA's URL. A file is the operator's word and never stale.
	Bootstrap string
	// Timeout of each of the two protocols, all servers of it together; 0: 10 s.
	Timeout time.Duration
}

// The defaults of Config.
const (
	DefaultWHOISRoot = "whois.iana.org"
	DefaultBootstrap = "https://data.iana.org/rdap/dns.json"
	defaultTimeout   = 10 * time.Second
	whoisPort        = 43 // RFC 3912
)

// Client asks registries. It is safe for concurrent use and keeps in memory
// the bootstrap and the WHOIS referrals, for at most 48 hours.
type Client struct {
	cfg       Config
	root      endpoint
	http      *http.Client
	bootstrap *bootstrap
	referrals *referrals
	now       func() time.Time
}

// New returns a client. It fails on a WHOIS root or a bootstrap URL that is
// none.
func New(cfg Config) (*Client, error) {
	if cfg.Dialer == nil || cfg.DNS == nil {
		return nil, errors.New("registry client: no dialer or no resolver")
	}
	if cfg.WHOISRoot == "" {
		cfg.WHOISRoot = DefaultWHOISRoot
	}
	if cfg.Bootstrap == "" {
		cfg.Bootstrap = DefaultBootstrap
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = defaultTimeout
	}
	root, err := parseEndpoint(cfg.WHOISRoot)
	if err != nil {
		return nil, fmt.Errorf("registry client: WHOIS root %q: %w", cfg.WHOISRoot, err)
	}
	c := &Client{cfg: cfg, root: root, now: time.Now, referrals: newReferrals()}
	c.bootstrap, err = newBootstrap(cfg.Bootstrap)
	if err != nil {
		return nil, fmt.Errorf("registry client: RDAP bootstrap %q: %w", cfg.Bootstrap, err)
	}
	if cfg.HTTP != nil {
		c.http = boundRedirects(cfg.HTTP)
	}
	return c, nil
}

// Registration is what a registry publishes of a domain. Texts are foreign:
// control characters are gone, escaping is for the sink.
type Registration struct {
	Domain  string // in A-labels; exactly the one asked for
	Source  string // SourceRDAP or SourceWHOIS
	Server  string // that answered: a host, with its port if not the usual one
	URL     string // RDAP: that answered
	AskedAt time.Time

	Registrar   string
	Statuses    []string
	NameServers []string // A-labels, lower case
	Created     time.Time
	Updated     time.Time
	Expires     time.Time

	Contacts []Contact // those with a role of ours, as far as it goes
	// Redacted: contact data is withheld, and says so. RedactedBy quotes the
	// answer.
	Redacted   bool
	RedactedBy string
	// RegistrarServer is what the answer calls the registrar's WHOIS server.
	// It is free text of the registry, and never contacted.
	RegistrarServer string
	// Stale: the server is known only from a copy of the bootstrap that is
	// older than 48 hours, of BootstrapDate. Such an answer proves nothing.
	Stale         bool
	BootstrapDate time.Time
	// Notes say what went otherwise than planned, each in one sentence.
	Notes []string

	Raw     []byte // as received, at most 256 KiB
	RawSize int    // bytes received
	SHA256  string // of all bytes received, hex
}

// Contact is a person or organisation in one or more roles.
type Contact struct {
	Roles        []string
	Name         string
	Organization string
	Email        string // checked: local part as published, domain in lower-case A-labels; "" if none
	// Redacted: the address, or who it belongs to, is withheld or replaced.
	// Email may then be the address of somebody else.
	Redacted bool
	// Privacy says by what the contact was taken for a privacy or proxy
	// service: its organisation or mail domain; "" if it was not. Such an
	// address is shared by the customers of the service.
	Privacy string
}

// Genuine reports whether the address is, as far as can be seen, the
// contact's own: there, not redacted and not a privacy service's.
func (c Contact) Genuine() bool { return c.Email != "" && !c.Redacted && c.Privacy == "" }

// Error is why a source gave no registration. Its text is safe to show: it
// holds names of servers, never addresses inside (threat T14).
type Error struct {
	Source string // SourceRDAP or SourceWHOIS
	Server string // "" if none was asked
	Reason string // in words, without a full stop
	Kind   error  // one of the errors above
	Err    error  // what the system said, for logs; may be nil
}

func (e *Error) Error() string {
	by := strings.ToUpper(e.Source)
	if e.Server != "" {
		by += " server " + e.Server
	}
	return by + ": " + e.Reason
}

// Unwrap gives the kind and the cause.
func (e *Error) Unwrap() []error {
	if e.Err == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Err}
}

// Lookup asks for the registration of domain, which must be one label below a
// public suffix of the ICANN section.
//
// RDAP is asked first, WHOIS where there is no RDAP or it gives no usable
// answer. While the list of RDAP servers at hand is stale, WHOIS goes first.
// The answer of one source is never completed from the other.
//
// Errors are ErrNotRegistrable, ErrNoService, ErrNotRegistered, ErrForbidden
// and ErrUnavailable; when both sources failed, the text has both reasons.
func (c *Client) Lookup(ctx context.Context, domain string) (*Registration, error) {
	host, err := Registrable(domain)
	if err != nil {
		return nil, err
	}
	name := string(host)
	rdap := func() (*Registration, error) { return c.rdap(ctx, name) }
	whois := func() (*Registration, error) { return c.whois(ctx, name) }
	sources := []func() (*Registration, error){rdap, whois}
	switch {
	case c.http == nil:
		sources = sources[1:]
	case c.bootstrap.ensure(ctx, c):
		sources[0], sources[1] = whois, rdap
	}
	var failed []error
	for _, ask := range sources {
		reg, err := ask()
		if err == nil {
			for _, f := range failed {
				reg.Notes = append(reg.Notes, f.Error()+".")
			}
			return reg, nil
		}
		failed = append(failed, err)
		if errors.Is(err, ErrNotRegistered) || ctx.Err() != nil {
			break
		}
	}
	return nil, worst(failed)
}

// worst joins what went wrong. A registry that denies the domain decides; a
// source that could not be asked outweighs one that does not exist, which
// alone would read as a "no" for good.
func worst(failed []error) error {
	var known []error
	for _, err := range failed {
		switch {
		case errors.Is(err, ErrNotRegistered):
			return err
		case !errors.Is(err, ErrNoService):
			known = append(known, err)
		}
	}
	switch len(known) {
	case 0:
		return failed[len(failed)-1]
	case 1:
		return known[0]
	}
	return fmt.Errorf("%w; %w", known[0], known[1])
}

// Registrable checks that domain is a registration of its own: one label below
// a public suffix of the ICANN section, or below a top-level domain that the
// list does not know. Names below a PRIVATE suffix are given out by a
// provider and are in no registry. The error is ErrNotRegistrable.
func Registrable(domain string) (zonehold.Hostname, error) {
	host, err := zonehold.ParseHostname(domain)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrNotRegistrable, err)
	}
	suffix, icann := host.PublicSuffix()
	registered, ok := host.Registrable()
	switch {
	case !ok:
		return "", fmt.Errorf("%w: %s is a public suffix", ErrNotRegistrable, host)
	case !icann && host.KnownTLD():
		return "", fmt.Errorf("%w: names below %s are given out by a provider, not by a registry", ErrNotRegistrable, suffix)
	case registered != string(host):
		return "", fmt.Errorf("%w: it belongs to the registration of %s", ErrNotRegistrable, registered)
	}
	return host, nil
}

// topLevel is the last label of a checked name.
func topLevel(domain string) string { return domain[strings.LastIndexByte(domain, '.')+1:] }
