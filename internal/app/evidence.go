package app

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/zonehold/zonehold/diagnose"
	"github.com/zonehold/zonehold/internal/store"
	zdns "github.com/zonehold/zonehold/probe/dns"
	"github.com/zonehold/zonehold/probe/registry"
	"github.com/zonehold/zonehold/probe/web"
	"github.com/zonehold/zonehold/problem"
)

// Bounds of one stored document, which has at most store.MaxEvidence bytes.
const (
	evidenceBody    = 16 << 10 // bytes of one body
	evidenceHeaders = 50       // per response
	evidenceValue   = 500      // characters of one text
	evidenceFetches = 24
	evidenceAnswers = 200
	evidenceGrounds = 50
)

// The stored evidence of an attempt, version 1.
type evidenceDoc struct {
	Version    int               `json:"version"`
	AttemptID  string            `json:"attempt_id"`
	DomainID   string            `json:"domain_id"`
	Method     string            `json:"method"`
	Outcome    string            `json:"outcome"`
	StartedAt  time.Time         `json:"started_at"`
	DurationMS int64             `json:"duration_ms"`
	Lookups    []evidenceLookup  `json:"dns"`
	Control    *evidenceAnswer   `json:"dns_control"`
	Fetches    []evidenceFetch   `json:"web"`
	Decoys     []evidenceFetch   `json:"web_decoys"`
	Grounds    []evidenceGround  `json:"grounds,omitempty"`
	Registry   *evidenceRegistry `json:"registration,omitempty"`
	Omitted    []string          `json:"omitted"` // what did not fit
}

// evidenceGround is a thing on record that a proof rests on, or does not.
type evidenceGround struct {
	Kind   string    `json:"kind"`
	ID     string    `json:"id"`
	By     string    `json:"by,omitempty"`
	Reason string    `json:"reason,omitempty"`
	Detail string    `json:"detail,omitempty"`
	Since  time.Time `json:"since,omitzero"`
	Until  time.Time `json:"until,omitzero"`
	Counts bool      `json:"counts"`
}

// evidenceRegistry says what a registry was asked. Of the contacts in its
// answer nothing is kept but the role that matched, which a ground names; the
// hash tells whether an answer that somebody kept is this one.
type evidenceRegistry struct {
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

type evidenceLookup struct {
	Hops  []evidenceAnswer `json:"hops"`
	Error string           `json:"error,omitempty"`
}

type evidenceAnswer struct {
	Name     string           `json:"name"`
	Type     string           `json:"type"`
	Zone     string           `json:"zone"`
	Security string           `json:"security,omitempty"`
	Fault    *evidenceFault   `json:"fault,omitempty"`
	Servers  []evidenceServer `json:"servers"`
}

// evidenceFault says why an answer does not validate.
type evidenceFault struct {
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

type evidenceServer struct {
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

	Security string         `json:"security,omitempty"`
	Fault    *evidenceFault `json:"fault,omitempty"` // where it is another than that of the whole answer
}

type evidenceFetch struct {
	Hops       []evidenceHop `json:"hops"`
	Status     int           `json:"status"`
	Body       []byte        `json:"body"` // base64, cut
	BodyBytes  int           `json:"body_bytes"`
	BodySHA256 string        `json:"body_sha256,omitempty"`
	TooLarge   bool          `json:"too_large,omitempty"`
	Encoding   string        `json:"content_encoding,omitempty"`
	Error      string        `json:"error,omitempty"`
	DurationMS int64         `json:"duration_ms"`
}

type evidenceHop struct {
	URL      string       `json:"url"`
	Address  string       `json:"address,omitempty"`
	Resolved []string     `json:"resolved,omitempty"`
	Failed   []string     `json:"failed,omitempty"`
	Status   int          `json:"status"`
	Location string       `json:"location,omitempty"`
	Headers  [][2]string  `json:"headers,omitempty"`
	TLS      *evidenceTLS `json:"tls,omitempty"`
}

type evidenceTLS struct {
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

// evidenceJSON writes what a check saw, within bounds and without the secrets
// that it was given for the site (threat T13).
func evidenceJSON(at *store.Attempt, r diagnose.Report, secrets []string) []byte {
	w := evidenceWriter{secrets: veils(secrets)}
	doc := evidenceDoc{
		Version: 1, AttemptID: at.ID, DomainID: at.DomainID, Method: string(r.Method), Outcome: string(r.Outcome),
		StartedAt: r.StartedAt.UTC(), DurationMS: r.Duration.Milliseconds(),
		Lookups: []evidenceLookup{}, Omitted: []string{},
	}
	for _, l := range r.Evidence.Lookups {
		if l != nil {
			doc.Lookups = append(doc.Lookups, w.lookup(l))
		}
	}
	if r.Evidence.Control != nil {
		control := w.answer(r.Evidence.Control)
		doc.Control = &control
	}
	doc.Fetches, doc.Decoys = w.fetches(r.Evidence.Fetches), w.fetches(r.Evidence.Decoys)
	for _, g := range r.Evidence.Grounds[:min(len(r.Evidence.Grounds), evidenceGrounds)] {
		doc.Grounds = append(doc.Grounds, evidenceGround{
			Kind: g.Kind, ID: w.text(g.ID), By: w.text(g.By), Reason: w.text(g.Reason), Detail: w.text(g.Detail),
			Since: jsonTime(g.Since), Until: jsonTime(g.Until), Counts: g.Counts,
		})
	}
	doc.Registry = w.registry(r.Evidence.Registration)
	if w.dropped {
		doc.Omitted = append(doc.Omitted, "some_answers")
	}
	// Too long: leave out what is least telling, step by step.
	cuts := []struct {
		name string
		cut  func()
	}{
		{"", func() {}},
		{"certificate_chains", func() { eachHop(&doc, func(h *evidenceHop) { cutChain(h) }) }},
		{"decoy_bodies", func() { cutBodies(doc.Decoys, 0) }},
		{"long_bodies", func() { cutBodies(doc.Fetches, 2048) }},
		{"headers", func() { eachHop(&doc, func(h *evidenceHop) { h.Headers = nil }) }},
		{"dns_messages", func() { eachServer(&doc, func(s *evidenceServer) { s.Message = nil }) }},
		{"dns_records", func() { eachServer(&doc, func(s *evidenceServer) { s.Records = nil }) }},
		{"everything", func() { doc.Lookups, doc.Control, doc.Fetches, doc.Decoys = []evidenceLookup{}, nil, nil, nil }},
	}
	var out []byte
	for _, c := range cuts {
		if c.cut(); c.name != "" {
			doc.Omitted = append(doc.Omitted, c.name)
		}
		var err error
		if out, err = json.Marshal(doc); err != nil {
			return []byte(`{"omitted":["everything"]}`) // our own types; a check must not end here
		}
		if len(out) <= store.MaxEvidence {
			break
		}
	}
	return out
}

func cutChain(h *evidenceHop) {
	if h.TLS != nil {
		h.TLS.Chain = nil
	}
}

func cutBodies(fetches []evidenceFetch, n int) {
	for i := range fetches {
		fetches[i].Body = fetches[i].Body[:min(n, len(fetches[i].Body))]
	}
}

func eachHop(doc *evidenceDoc, fn func(*evidenceHop)) {
	for _, list := range [][]evidenceFetch{doc.Fetches, doc.Decoys} {
		for i := range list {
			for j := range list[i].Hops {
				fn(&list[i].Hops[j])
			}
		}
	}
}

func eachServer(doc *evidenceDoc, fn func(*evidenceServer)) {
	for i := range doc.Lookups {
		for j := range doc.Lookups[i].Hops {
			for k := range doc.Lookups[i].Hops[j].Servers {
				fn(&doc.Lookups[i].Hops[j].Servers[k])
			}
		}
	}
	if doc.Control != nil {
		for k := range doc.Control.Servers {
			fn(&doc.Control.Servers[k])
		}
	}
}

type evidenceWriter struct {
	secrets []string
	answers int
	dropped bool
}

// veils lists the forms in which a site may send a password back.
func veils(secrets []string) []string {
	var out []string
	for _, s := range secrets {
		// Shorter ones would blacken ordinary text.
		if len(s) >= 4 {
			out = append(out, s)
		}
	}
	return out
}

const veil = "[password removed]"

func (w *evidenceWriter) text(s string) string {
	for _, secret := range w.secrets {
		s = strings.ReplaceAll(s, secret, veil)
	}
	return problem.Clean(s, evidenceValue)
}

func (w *evidenceWriter) body(b []byte) []byte {
	for _, secret := range w.secrets {
		b = bytes.ReplaceAll(b, []byte(secret), []byte(veil))
	}
	return b[:min(len(b), evidenceBody)]
}

func (w *evidenceWriter) lookup(l *zdns.Lookup) evidenceLookup {
	out := evidenceLookup{Hops: make([]evidenceAnswer, 0, len(l.Hops))}
	for _, hop := range l.Hops {
		if hop != nil {
			out.Hops = append(out.Hops, w.answer(hop))
		}
	}
	if l.ChainErr != nil {
		out.Error = w.text(l.ChainErr.Error())
	}
	return out
}

func (w *evidenceWriter) answer(a *zdns.Answer) evidenceAnswer {
	out := evidenceAnswer{Name: w.text(a.Name), Type: dns.Type(a.Type).String(), Security: string(a.Security), Fault: w.fault(a.Fault)}
	if a.Zone != nil {
		out.Zone = w.text(a.Zone.Name)
	}
	for _, s := range a.Servers {
		if w.answers++; w.answers > evidenceAnswers {
			w.dropped = true
			break
		}
		server := evidenceServer{
			Server: w.text(s.Server), Status: string(s.Status), Kind: string(s.Kind), Proto: s.Proto,
			RTTus: s.RTT.Microseconds(), Message: s.Wire[:min(len(s.Wire), evidenceBody)],
		}
		if s.Addr.IsValid() {
			server.Address = s.Addr.String()
		}
		if s.Status == zdns.StatusOK {
			server.RCode = dns.RcodeToString[s.RCode]
		}
		for _, r := range s.Records[:min(len(s.Records), 20)] {
			server.Records = append(server.Records, w.text(r.Text))
		}
		if s.Err != nil {
			server.Error = w.text(s.Err.Error())
		}
		if s.Status == zdns.StatusOK {
			server.Security = string(s.Security)
		}
		if s.Fault != a.Fault {
			server.Fault = w.fault(s.Fault)
		}
		out.Servers = append(out.Servers, server)
	}
	return out
}

const evidenceTags = 50 // of keys

func (w *evidenceWriter) fault(f *zdns.Fault) *evidenceFault {
	if f == nil {
		return nil
	}
	out := &evidenceFault{
		Code: string(f.Code), Zone: w.text(f.Zone), Name: w.text(f.Name), Text: w.text(f.Text),
		KeyTags: f.KeyTags[:min(len(f.KeyTags), evidenceTags)], DSTags: f.DSTags[:min(len(f.DSTags), evidenceTags)],
		Inception: jsonTime(f.Inception), Expiration: jsonTime(f.Expiration),
	}
	if f.Type != 0 {
		out.Type = dns.Type(f.Type).String()
	}
	return out
}

func (w *evidenceWriter) registry(r *registry.Registration) *evidenceRegistry {
	if r == nil {
		return nil
	}
	out := &evidenceRegistry{
		Protocol: r.Source, Server: w.text(r.Server), URL: w.text(r.URL), AskedAt: jsonTime(r.AskedAt), Bytes: r.RawSize,
		SHA256: r.SHA256, Redacted: r.Redacted, Stale: r.Stale,
	}
	for _, s := range r.Statuses[:min(len(r.Statuses), 20)] {
		out.Statuses = append(out.Statuses, w.text(s))
	}
	return out
}

func (w *evidenceWriter) fetches(list []*web.Fetch) []evidenceFetch {
	out := []evidenceFetch{}
	for _, f := range list {
		if f == nil {
			continue
		}
		if len(out) == evidenceFetches {
			w.dropped = true
			break
		}
		e := evidenceFetch{
			Status: f.Status, Body: w.body(f.Body), BodyBytes: len(f.Body), TooLarge: f.TooLarge, Encoding: w.text(f.Encoding),
			DurationMS: f.Duration.Milliseconds(),
		}
		if len(f.Body) > 0 {
			sum := sha256.Sum256(f.Body)
			e.BodySHA256 = hex.EncodeToString(sum[:])
		}
		if f.Err != nil {
			e.Error = w.text(string(f.Err.Kind))
		}
		for _, h := range f.Hops {
			e.Hops = append(e.Hops, w.hop(h))
		}
		out = append(out, e)
	}
	return out
}

func (w *evidenceWriter) hop(h web.Hop) evidenceHop {
	out := evidenceHop{URL: w.text(h.URL), Status: h.Status, Location: w.text(h.Location), Headers: w.headers(h.Header)}
	if h.Addr.IsValid() {
		out.Address = h.Addr.String()
	}
	for _, addr := range h.Addrs[:min(len(h.Addrs), 32)] {
		out.Resolved = append(out.Resolved, addr.String())
	}
	for _, f := range h.Failed[:min(len(h.Failed), 32)] {
		reason := ""
		if f.Err != nil {
			reason = " " + string(f.Err.Kind)
		}
		out.Failed = append(out.Failed, f.Addr.String()+reason)
	}
	if t := h.TLS; t != nil {
		out.TLS = &evidenceTLS{
			Version: t.Version, Cipher: t.Cipher, ALPN: w.text(t.ALPN), Subject: w.text(t.Subject), Issuer: w.text(t.Issuer),
			NotAfter: jsonTime(t.NotAfter), SHA256: t.SHA256,
		}
		for _, name := range t.DNSNames[:min(len(t.DNSNames), 20)] {
			out.TLS.Names = append(out.TLS.Names, w.text(name))
		}
		for _, der := range t.Chain {
			if len(der) <= evidenceBody {
				out.TLS.Chain = append(out.TLS.Chain, der)
			}
		}
	}
	return out
}

func (w *evidenceWriter) headers(header http.Header) [][2]string {
	var out [][2]string
	for name, values := range header {
		for _, v := range values {
			// Cookies and tokens that a site hands out are not ours to keep.
			if strings.EqualFold(name, "Set-Cookie") {
				v, _, _ = strings.Cut(v, "=")
			}
			out = append(out, [2]string{w.text(name), w.text(v)})
		}
	}
	slices.SortFunc(out, func(a, b [2]string) int {
		if c := strings.Compare(a[0], b[0]); c != 0 {
			return c
		}
		return strings.Compare(a[1], b[1])
	})
	return out[:min(len(out), evidenceHeaders)]
}

// basicSecrets lists what must not be kept of the credentials for a site.
func basicSecrets(user, password string) []string {
	if password == "" {
		return nil
	}
	return []string{password, base64.StdEncoding.EncodeToString([]byte(user + ":" + password))}
}

// jsonTime is t in UTC. Certificates may name years for which JSON has no
// form.
func jsonTime(t time.Time) time.Time {
	if t = t.UTC(); t.Year() < 0 || t.Year() > 9999 {
		return time.Time{}
	}
	return t
}
