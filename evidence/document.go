package evidence

import "time"

// Document is what one check saw, within bounds. Version 2; version 1 had no
// hostname, claim, clock, software, perspectives and chains.
type Document struct {
	Version      int           `json:"version"`
	AttemptID    string        `json:"attempt_id"`
	DomainID     string        `json:"domain_id"`
	Hostname     string        `json:"hostname,omitempty"`
	Software     string        `json:"software,omitempty"`    // version of the program
	Node         string        `json:"node,omitempty"`        // process that ran the check
	Perspective  string        `json:"perspective,omitempty"` // where it ran
	Clock        *Clock        `json:"clock,omitempty"`
	Expected     []Expected    `json:"expected,omitempty"`
	Method       string        `json:"method"`
	Outcome      string        `json:"outcome"`
	Code         string        `json:"code,omitempty"` // of the problem
	StartedAt    time.Time     `json:"started_at"`
	DurationMS   int64         `json:"duration_ms"`
	Lookups      []Lookup      `json:"dns"`
	Control      *Answer       `json:"dns_control"`
	Fetches      []Fetch       `json:"web"`
	Decoys       []Fetch       `json:"web_decoys"`
	Grounds      []Ground      `json:"grounds,omitempty"`
	Registry     *Registry     `json:"registration,omitempty"`
	Perspectives []Perspective `json:"perspectives,omitempty"`
	Chains       []ZoneKeys    `json:"dnssec,omitempty"`
	Omitted      []string      `json:"omitted"` // what did not fit
}

// Clock says what the times of a document were read from.
type Clock struct {
	Source       string    `json:"source"`                 // "system" or "set by the operator of a test"
	Synchronised *bool     `json:"synchronised,omitempty"` // by what the system says; absent: it does not
	MaxErrorUS   int64     `json:"max_error_us,omitempty"`
	EndedAt      time.Time `json:"ended_at"`
}

// Expected is what would prove the claim by one method.
type Expected struct {
	Method  string `json:"method"`
	Name    string `json:"name,omitempty"` // of a record or a tag, or the path of a file
	Value   string `json:"value,omitempty"`
	SHA256  string `json:"value_sha256,omitempty"` // instead of a value that is not shown
	Profile string `json:"profile,omitempty"`
}

// ZoneKeys is one link of the chain of trust of DNSSEC: what the zone above
// says of the zone, and the keys of the zone. A message is either here or
// among the blobs of the bundle, by its hash. Of messages the id is 0 and the
// additional section is left out.
type ZoneKeys struct {
	Zone       string `json:"zone"`            // "": the root
	Above      *int   `json:"above,omitempty"` // place in the list of the zone above; absent: of the root
	Security   string `json:"security"`        // "secure" or "insecure"
	DS         []byte `json:"ds,omitempty"`
	DSSHA256   Hash   `json:"ds_sha256,omitzero"`
	Keys       []byte `json:"keys,omitempty"`
	KeysSHA256 Hash   `json:"keys_sha256,omitzero"`
}

// Ground is a thing on record that a proof rests on, or does not.
type Ground struct {
	Kind   string    `json:"kind"`
	ID     string    `json:"id"`
	By     string    `json:"by,omitempty"`
	Reason string    `json:"reason,omitempty"`
	Detail string    `json:"detail,omitempty"`
	Since  time.Time `json:"since,omitzero"`
	Until  time.Time `json:"until,omitzero"`
	Counts bool      `json:"counts"`
}

// Registry says what a registry was asked. Of the contacts in its answer
// nothing is kept but the role that matched, which a ground names; the hash
// tells whether an answer that somebody kept is this one.
type Registry struct {
	Protocol string    `json:"protocol"`
	Server   string    `json:"server"`
	URL      string    `json:"url,omitempty"`
	AskedAt  time.Time `json:"asked_at"`
	Bytes    int       `json:"bytes"`
	SHA256   string    `json:"sha256"`
	Statuses []string  `json:"statuses,omitempty"`
	Redacted bool      `json:"redacted"`
	Stale    bool      `json:"stale,omitempty"`
}

// Lookup is a question followed through aliases.
type Lookup struct {
	Hops  []Answer `json:"hops"`
	Error string   `json:"error,omitempty"`
}

// Answer is what the servers of one zone said.
type Answer struct {
	Name     string   `json:"name"`
	Type     string   `json:"type"`
	Zone     string   `json:"zone"`
	Security string   `json:"security,omitempty"`
	Fault    *Fault   `json:"fault,omitempty"`
	Servers  []Server `json:"servers"`
}

// Fault says why an answer does not validate.
type Fault struct {
	Code       string    `json:"code"`
	Zone       string    `json:"zone"`
	Name       string    `json:"name,omitempty"`
	Type       string    `json:"type,omitempty"`
	KeyTags    []uint16  `json:"key_tags,omitempty"`
	DSTags     []uint16  `json:"ds_tags,omitempty"`
	Inception  time.Time `json:"inception,omitzero"`
	Expiration time.Time `json:"expiration,omitzero"`
	Text       string    `json:"text"`
}

// Server is what one address of one server said.
type Server struct {
	Server  string   `json:"server"`
	Address string   `json:"address"`
	Status  string   `json:"status"`
	Kind    string   `json:"kind,omitempty"`
	RCode   string   `json:"rcode,omitempty"`
	Proto   string   `json:"proto,omitempty"`
	RTTus   int64    `json:"rtt_us"`
	Records []string `json:"records,omitempty"`
	Message []byte   `json:"message,omitempty"` // raw answer, base64
	Error   string   `json:"error,omitempty"`

	Security string `json:"security,omitempty"`
	Fault    *Fault `json:"fault,omitempty"` // where it is another than that of the whole answer
	Chain    *int   `json:"chain,omitempty"` // place in dnssec of the zone whose keys it was judged by
}

// Fetch is one exchange over HTTP with its redirects.
type Fetch struct {
	Hops       []Hop  `json:"hops"`
	Status     int    `json:"status"`
	Body       []byte `json:"body"` // base64, cut
	BodyBytes  int    `json:"body_bytes"`
	BodySHA256 string `json:"body_sha256,omitempty"`
	TooLarge   bool   `json:"too_large,omitempty"`
	Encoding   string `json:"content_encoding,omitempty"`
	Error      string `json:"error,omitempty"`
	DurationMS int64  `json:"duration_ms"`
}

// Hop is one request of a Fetch.
type Hop struct {
	URL      string      `json:"url"`
	Address  string      `json:"address,omitempty"`
	Resolved []string    `json:"resolved,omitempty"`
	Failed   []string    `json:"failed,omitempty"`
	Status   int         `json:"status"`
	Location string      `json:"location,omitempty"`
	Headers  [][2]string `json:"headers,omitempty"`
	TLS      *TLS        `json:"tls,omitempty"`
}

// TLS is the TLS connection of a Hop.
type TLS struct {
	Version  string    `json:"version"`
	Cipher   string    `json:"cipher"`
	ALPN     string    `json:"alpn,omitempty"`
	Subject  string    `json:"subject"`
	Issuer   string    `json:"issuer"`
	Names    []string  `json:"names,omitempty"`
	NotAfter time.Time `json:"not_after"`
	SHA256   string    `json:"sha256"`
	Chain    [][]byte  `json:"chain,omitempty"` // DER, base64
}
