// Package config reads the settings of zonehold: defaults < YAML file <
// environment < flags (contract config).
//
// Every key is one flat name: `dns_port` in the file is ZONEHOLD_DNS_PORT in
// the environment and --dns-port as a flag. The loader is our own: the keys
// are a flat table, and where each value came from (with the line of the
// file), strict parsing and secrets from files are most of the work, which a
// general library leaves to its caller.
package config

import (
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"time"
)

// Role is a part of the work that a process does.
type Role string

const (
	RoleAPI    Role = "api"    // answers HTTP
	RoleWorker Role = "worker" // runs checks
)

// Config is the whole configuration. Load fills it; the zero value is not
// usable.
type Config struct {
	Listen      string // host:port
	DataDir     string
	DatabaseURL string // "": SQLite in DataDir
	SecretKey   []byte // 32 bytes; nil: kept in a file of DataDir
	Roles       []Role

	DNSRootHints    string           // file in named.root format; "": built in
	DNSTrustAnchors string           // file of DS or DNSKEY records; "": built in
	DNSResolvers    []netip.AddrPort // recursive resolvers of the cached view
	DNSForward      []netip.AddrPort // closed networks: ask only these
	DNSPort         uint16
	HTTPPorts       []uint16
	EgressAllow     []netip.Prefix
	EgressDeny      []netip.Prefix

	WHOISRoot       string // host or host:port
	RDAPBootstrap   string // http(s) URL or file; "": IANA's
	SMTPURL         string // "": mail off
	MailFrom        string // address, set if SMTPURL is
	Route53Endpoint string // "": Amazon's
	CloudflareURL   string // "": Cloudflare's

	RecheckInterval     time.Duration
	RecheckGrace        time.Duration
	BreakerFlips        int           // missing proofs in one place before a breaker may open
	BreakerPercent      int           // share of the checked proofs, 1 to 100
	BreakerHold         time.Duration // shortest time a breaker is open
	Canaries            []string      // "name" or "name=text"
	OwnerWatch          bool
	ContestWait         time.Duration
	EvidenceKept        time.Duration
	AttemptsKept        time.Duration
	PublicURL           string // no final slash; "": not known
	OperatorAccount     string // name; "": none
	NodeName            string // "": the host name
	WebhookAllow        []netip.Prefix
	Perspectives        string // file; "": none
	NameserversMust     string // "all" or "majority"
	CNAMEZone           string // lower case, no final dot
	Exclusive           bool
	ParentCovers        string // "strict" or "any"
	EmailProves         bool   // a confirmed address in the very domain proves it
	ChecksPerMinute     int    // per account
	TargetChecksPerHour int    // per registrable domain
	ReadsPerMinute      int    // API calls per token; 0: no limit
	WritesPerMinute     int    // API calls per token; 0: no limit
	DomainLimit         int    // domains per account
	LogLevel            slog.Level
	LogFormat           string // "text" or "json"
	MetricsToken        string // "": metrics only for callers on loopback
	Server              string // base URL that the CLI talks to
	Token               string // what the CLI shows to the server

	values   map[string]string
	origins  map[string]Origin
	warnings []string
	path     string
}

// Origin says where a value came from.
type Origin struct {
	Layer string // "default", "file", "environment" or "flag"
	Where string // "zonehold.yaml:3", "ZONEHOLD_LISTEN", "--listen"; empty for defaults
}

func (o Origin) String() string {
	if o.Where == "" {
		return o.Layer
	}
	return o.Layer + " " + o.Where
}

// Error is one wrong setting.
type Error struct {
	Key     string
	Origin  Origin
	Message string // what to change, in one sentence
}

func (e *Error) Error() string {
	if e.Origin.Where != "" {
		return fmt.Sprintf("%s (%s): %s", e.Key, e.Origin.Where, e.Message)
	}
	return fmt.Sprintf("%s: %s", e.Key, e.Message)
}

// Origin says where the value of a key came from; the key is the name in the
// file, e.g. "dns_port".
func (c *Config) Origin(key string) Origin { return c.origins[key] }

// Value is the text of a key's value as it may be shown: secrets are only
// "set" or empty, passwords inside URLs are masked.
func (c *Config) Value(key string) string {
	k := find(key)
	if k == nil {
		return ""
	}
	return k.redact(c.values[key])
}

// File is the path of the configuration file that was read, or "".
func (c *Config) File() string { return c.path }

// Warnings are settings that were tolerated but have no effect.
func (c *Config) Warnings() []string { return slices.Clone(c.warnings) }

// Has reports whether the process has the role.
func (c *Config) Has(r Role) bool { return slices.Contains(c.Roles, r) }
