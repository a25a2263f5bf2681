package perspective

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/problem"
	"github.com/zonehold/zonehold/verify"
)

// Version of the protocol. Both sides refuse any other.
const Version = 1

// Paths of the protocol.
const (
	CheckPath  = "/v1/check"  // POST a Request, get an Answer
	HealthPath = "/v1/health" // GET a Health
)

// Bounds of messages.
const (
	maxRequest  = 8 << 10
	maxAnswer   = 128 << 10
	maxObserved = 4 << 10 // bytes of what was seen where the proof belongs
	maxDetail   = 500     // characters
	maxAddrs    = 64
	maxName     = 63
)

// Request asks for one check. It carries the one token of the method that is
// asked for, and never a password.
type Request struct {
	Version   int                  `json:"version"`
	ID        string               `json:"id"`    // of the attempt
	Nonce     string               `json:"nonce"` // 32 hex digits, new each time somebody is asked
	Method    zonehold.Method      `json:"method"`
	Hostname  zonehold.Hostname    `json:"hostname"`
	Scheme    string               `json:"scheme,omitempty"`
	Port      uint16               `json:"port,omitempty"`
	Profile   zonehold.ProfileName `json:"profile"`
	Token     string               `json:"token"`
	CNAMEZone string               `json:"cname_zone,omitempty"` // of CNAME targets
	// Nameservers is verify.Kit.Nameservers of who asks.
	Nameservers verify.NameserverPolicy `json:"nameservers,omitempty"`
	// TimeMS is how long the check may take, in milliseconds.
	TimeMS int64 `json:"time_ms"`
}

// Answer is what a perspective saw.
type Answer struct {
	Version     int               `json:"version"`
	ID          string            `json:"id"`
	Nonce       string            `json:"nonce"`
	Perspective string            `json:"perspective"` // its own name
	Method      zonehold.Method   `json:"method"`
	Hostname    zonehold.Hostname `json:"hostname"`
	// Completed: it could ask, so Passed says something. Passed: the proof is
	// there.
	Completed bool             `json:"completed"`
	Passed    bool             `json:"passed"`
	Outcome   zonehold.Outcome `json:"outcome"`
	Code      problem.Code     `json:"code,omitempty"`
	Detail    string           `json:"detail,omitempty"`
	// Observed is what stood where the proof belongs, as it was seen: the text
	// of the record, its target, the body of the file, the content of the tag.
	// Where the token of a file is in its path alone: the path, a line feed, the
	// body.
	Observed   string          `json:"observed,omitempty"`
	Addresses  []netip.Addr    `json:"addresses,omitempty"` // that answered
	Evidence   json.RawMessage `json:"evidence,omitempty"`
	Software   string          `json:"software"`
	StartedAt  time.Time       `json:"started_at"`
	FinishedAt time.Time       `json:"finished_at"`
}

// Health is the reply at HealthPath.
type Health struct {
	Version     int    `json:"version"`
	Perspective string `json:"perspective"`
	Software    string `json:"software"`
	Running     int    `json:"running"` // checks under way
}

// Refusal is the body of every reply that is no Answer.
type Refusal struct {
	Error struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
}

// Asks reports whether the method is one that other networks can check: what
// it looks at is published by the domain itself.
func Asks(m zonehold.Method) bool {
	switch m {
	case zonehold.MethodDNSTXT, zonehold.MethodDNSCNAME, zonehold.MethodFile, zonehold.MethodTXTFile, zonehold.MethodMetaTag:
		return true
	}
	return false
}

// NewRequest asks about a claim by one method. ID, Nonce and TimeMS are set by
// who sends it. False: other networks cannot check that.
func NewRequest(kit *verify.Kit, m zonehold.Method, c verify.Claim) (Request, bool) {
	token := tokenFor(m, c.Tokens)
	if !Asks(m) || token == "" {
		return Request{}, false
	}
	r := Request{Version: Version, Method: m, Hostname: c.Hostname, Scheme: c.Scheme, Port: c.Port, Profile: c.Profile, Token: token}
	if r.Profile == "" {
		r.Profile = zonehold.ProfileZonehold
	}
	if kit != nil {
		r.CNAMEZone, r.Nameservers = strings.ToLower(strings.Trim(kit.CNAMEZone, ".")), kit.Nameservers
	}
	return r, true
}

func tokenFor(m zonehold.Method, t zonehold.Tokens) string {
	switch m {
	case zonehold.MethodDNSTXT:
		return t.TXT
	case zonehold.MethodDNSCNAME:
		return t.CNAME
	case zonehold.MethodFile, zonehold.MethodTXTFile:
		return t.File
	case zonehold.MethodMetaTag:
		return t.Meta
	}
	return ""
}

// claim is what the request asks about.
func (r *Request) claim() verify.Claim {
	c := verify.Claim{Hostname: r.Hostname, Scheme: r.Scheme, Port: r.Port, Profile: r.Profile}
	switch r.Method {
	case zonehold.MethodDNSTXT:
		c.Tokens.TXT = r.Token
	case zonehold.MethodDNSCNAME:
		c.Tokens.CNAME = r.Token
	case zonehold.MethodFile, zonehold.MethodTXTFile:
		c.Tokens.File = r.Token
	case zonehold.MethodMetaTag:
		c.Tokens.Meta = r.Token
	}
	return c
}

// decodeRequest reads a request strictly.
func decodeRequest(body []byte) (*Request, error) {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	var r Request
	if err := dec.Decode(&r); err != nil {
		return nil, fmt.Errorf("the body is not a request of this protocol: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the request in the body")
	}
	return &r, r.check()
}

func (r *Request) check() error {
	host, err := zonehold.ParseHostname(string(r.Hostname))
	switch {
	case r.Version != Version:
		return fmt.Errorf("version %d is not spoken here, only %d", r.Version, Version)
	case !word(r.ID, 100):
		return errors.New("id: wants up to 100 letters, digits, _ and -")
	case !hexDigits(r.Nonce, 32):
		return errors.New("nonce: wants 32 hex digits in lower case")
	case !Asks(r.Method):
		return errors.New("method: wants dns_txt, dns_cname, file, txt_file or meta_tag")
	case err != nil:
		return fmt.Errorf("hostname: %w", err)
	case host != r.Hostname:
		return errors.New("hostname: wants the canonical form")
	case r.Scheme != "" && r.Scheme != "http" && r.Scheme != "https":
		return errors.New("scheme: wants http, https or nothing")
	case !r.Profile.Valid():
		return errors.New("profile: not known here")
	case !zonehold.ValidToken(r.Profile, r.Token):
		return errors.New("token: has not the form of the profile's tokens")
	case r.CNAMEZone != "" && !zoneName(r.CNAMEZone):
		return errors.New("cname_zone: wants a domain name in lower case")
	case r.Nameservers != "" && r.Nameservers != verify.NameserversAll && r.Nameservers != verify.NameserversMajority:
		return errors.New("nameservers: wants all, majority or nothing")
	case r.TimeMS < 1 || r.TimeMS > int64(time.Hour/time.Millisecond):
		return errors.New("time_ms: wants a number of milliseconds from 1 to 3600000")
	}
	return nil
}

// decodeAnswer reads an answer and bounds what is in it. Fields that a later
// program adds are ignored.
func decodeAnswer(body []byte) (*Answer, error) {
	dec := json.NewDecoder(bytes.NewReader(body))
	var a Answer
	if err := dec.Decode(&a); err != nil {
		return nil, errors.New("the answer is not one of this protocol")
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the answer in the body")
	}
	switch {
	case a.Version != Version:
		return nil, fmt.Errorf("the answer is of version %d, wanted %d", a.Version, Version)
	case !a.Outcome.Valid():
		return nil, errors.New("the answer has no known outcome")
	case a.Passed != (a.Outcome == zonehold.OutcomeVerified), a.Completed != (a.Outcome != zonehold.OutcomeInconclusive):
		return nil, errors.New("the answer contradicts itself")
	case a.Code != "" && !word(string(a.Code), 60), a.Passed && a.Code != "":
		return nil, errors.New("the answer has a code that is none")
	case len(a.Observed) > maxObserved, len(a.Addresses) > maxAddrs:
		return nil, errors.New("the answer holds more than it may")
	}
	a.Detail, a.Software = problem.Clean(a.Detail, maxDetail), problem.Clean(a.Software, 60)
	a.Evidence = cleanSeen(a.Evidence)
	return &a, nil
}

// fits says why an answer is none to the request, "" if it is one.
func (a *Answer) fits(name string, r *Request) string {
	switch {
	case a.Nonce != r.Nonce:
		return "it answers another question (nonce)"
	case a.ID != r.ID:
		return "it answers about another check (id)"
	case a.Hostname != r.Hostname:
		return "it answers about another name"
	case a.Method != r.Method:
		return "it answers about another method"
	case a.Perspective != name:
		return "it calls itself " + problem.Clean(a.Perspective, maxName) + "; it is configured as " + name
	}
	return ""
}

func word(s string, limit int) bool {
	if s == "" || len(s) > limit {
		return false
	}
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' && c != '-' {
			return false
		}
	}
	return true
}

func hexDigits(s string, n int) bool {
	return len(s) == n && strings.Trim(s, "0123456789abcdef") == ""
}

// zoneName takes a name of letters, digits, hyphens and underscores; a zone of
// CNAME targets need not be one that a host could have.
func zoneName(s string) bool {
	if len(s) > 200 || s != strings.ToLower(s) {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if !word(label, 63) {
			return false
		}
	}
	return true
}

// ValidName reports whether a perspective may be called that: up to 63
// letters, digits, _ and -.
func ValidName(s string) bool { return word(s, maxName) }

// cut ends s at n bytes, at the end of a character, and makes it valid UTF-8.
func cut(s string, n int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
