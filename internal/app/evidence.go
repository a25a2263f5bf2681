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

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/diagnose"
	"github.com/zonehold/zonehold/evidence"
	"github.com/zonehold/zonehold/internal/store"
	zdns "github.com/zonehold/zonehold/probe/dns"
	"github.com/zonehold/zonehold/probe/registry"
	"github.com/zonehold/zonehold/probe/web"
	"github.com/zonehold/zonehold/problem"
	"github.com/zonehold/zonehold/verify"
)

// Bounds of one stored document, which has at most store.MaxEvidence bytes.
const (
	evidenceBody    = 16 << 10 // bytes of one body
	evidenceHeaders = 50       // per response
	evidenceValue   = 500      // characters of one text
	evidenceFetches = 24
	evidenceAnswers = 200
	evidenceGrounds = 50
	evidenceZones   = 40
)

// subject is what a check was about, and where and when it ran.
type subject struct {
	hostname zonehold.Hostname
	port     uint16
	profile  zonehold.ProfileName
	expected []evidence.Expected
	software string
	node     string
	clock    evidence.Clock
}

// subjectOf describes a check of a domain that ends now.
func (a *App) subjectOf(d *store.Domain, method zonehold.Method) subject {
	s := subject{software: a.cfg.Version, node: a.cfg.NodeName, clock: evidence.Clock{Source: "system", EndedAt: a.now()}}
	if a.simulated {
		s.clock.Source = "simulated"
	} else {
		s.clock.Synchronised, s.clock.MaxErrorUS = clockState()
	}
	if d == nil {
		return s
	}
	s.hostname, s.port, s.profile = d.Hostname, d.Port, d.Profile
	m, ok := verify.Lookup(method)
	if !ok {
		return s
	}
	want := func(name, value string) {
		s.expected = append(s.expected, evidence.Expected{Method: string(method), Profile: string(d.Profile), Name: name, Value: value})
	}
	switch c := m.Challenge(a.cfg.Kit, claimOf(d, nil)); {
	case c.Record != nil:
		want(c.Record.Type+" "+c.Record.Name, c.Record.Value)
	case c.File != nil:
		want(c.File.Path, c.File.Content)
	case c.Tag != nil:
		want(c.Tag.Name, c.Tag.Content)
	}
	return s
}

// packEvidence makes what is stored of a check.
func packEvidence(about subject, at *store.Attempt, r diagnose.Report, secrets []string) store.Packed {
	body, blobs := evidenceJSON(about, at, r, secrets)
	p := store.Pack(body)
	p.Blobs = blobs
	return p
}

// evidenceJSON writes what a check saw, within bounds and without the secrets
// that it was given for the site (threat T13). Blobs are the messages that it
// names by their hash.
func evidenceJSON(about subject, at *store.Attempt, r diagnose.Report, secrets []string) (body []byte, blobs map[[32]byte][]byte) {
	w := evidenceWriter{secrets: veils(secrets), places: map[*zdns.ChainLink]int{}, blobs: map[[32]byte][]byte{}}
	doc := evidence.Document{
		Version: 2, AttemptID: at.ID, DomainID: at.DomainID, Hostname: string(about.hostname), Software: w.text(about.software),
		Node: w.text(about.node), Perspective: ownPerspective, Clock: &about.clock, Expected: about.expected,
		Method: string(r.Method), Outcome: string(r.Outcome), StartedAt: jsonTime(r.StartedAt), DurationMS: r.Duration.Milliseconds(),
		Lookups: []evidence.Lookup{}, Omitted: []string{},
	}
	if r.Problem != nil {
		doc.Code = string(r.Problem.Code)
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
		doc.Grounds = append(doc.Grounds, evidence.Ground{
			Kind: g.Kind, ID: w.text(g.ID), By: w.text(g.By), Reason: w.text(g.Reason), Detail: w.text(g.Detail),
			Since: jsonTime(g.Since), Until: jsonTime(g.Until), Counts: g.Counts,
		})
	}
	doc.Registry = w.registry(r.Evidence.Registration)
	doc.Perspectives = w.perspectives(r.Perspectives)
	doc.Chains = w.chains
	if w.dropped {
		doc.Omitted = append(doc.Omitted, "some_answers")
	}
	// Too long: leave out what is least telling, step by step.
	cuts := []struct {
		name string
		cut  func()
	}{
		{"", func() {}},
		{"certificate_chains", func() { eachHop(&doc, func(h *evidence.Hop) { cutChain(h) }) }},
		{"decoy_bodies", func() { cutBodies(doc.Decoys, 0) }},
		{"long_bodies", func() { cutBodies(doc.Fetches, 2048) }},
		{"headers", func() { eachHop(&doc, func(h *evidence.Hop) { h.Headers = nil }) }},
		{"perspective_evidence", func() { cutPerspectives(doc.Perspectives) }},
		{"dns_messages", func() {
			doc.Chains, w.blobs = nil, nil
			eachServer(&doc, func(s *evidence.Server) { s.Message, s.Chain = nil, nil })
		}},
		{"dns_records", func() { eachServer(&doc, func(s *evidence.Server) { s.Records = nil }) }},
		{"everything", func() {
			doc.Lookups, doc.Control, doc.Fetches, doc.Decoys = []evidence.Lookup{}, nil, nil, nil
			doc.Perspectives, doc.Expected = nil, nil
		}},
	}
	for _, c := range cuts {
		if c.cut(); c.name != "" {
			doc.Omitted = append(doc.Omitted, c.name)
		}
		var err error
		if body, err = json.Marshal(doc); err != nil {
			panic("app: writing evidence: " + err.Error()) // our own types, with times that have a form
		}
		if len(body) <= store.MaxEvidence {
			break
		}
	}
	return body, w.blobs
}

// ownPerspective is that of the service itself.
const ownPerspective = "primary"

func cutPerspectives(list []evidence.Perspective) {
	for i := range list {
		list[i].Evidence = nil
	}
}

// maxPerspectives bounds those that are kept.
const maxPerspectives = 20

func (w *evidenceWriter) perspectives(list []evidence.Perspective) []evidence.Perspective {
	var out []evidence.Perspective
	for _, p := range list[:min(len(list), maxPerspectives)] {
		p.Name, p.Region, p.Network = w.text(p.Name), w.text(p.Region), w.text(p.Network)
		p.Code, p.Detail, p.AskedAt = w.text(p.Code), w.text(p.Detail), jsonTime(p.AskedAt)
		p.Outcome = zonehold.Outcome(w.text(string(p.Outcome)))
		for _, secret := range w.secrets {
			p.Evidence = bytes.ReplaceAll(p.Evidence, []byte(secret), []byte(veil))
		}
		if len(p.Evidence) > evidence.MaxPerspective || !json.Valid(p.Evidence) {
			p.Evidence = nil
		}
		out = append(out, p)
	}
	return out
}

// chain notes the zones that an answer was judged by, and returns the place of
// the last one. What stands in the chains of very many names is kept once for
// all.
func (w *evidenceWriter) chain(l *zdns.ChainLink) *int {
	if l == nil {
		return nil
	}
	if i, ok := w.places[l]; ok {
		return &i
	}
	above := w.chain(l.Above)
	if len(w.chains) == evidenceZones {
		w.dropped = true
		return nil
	}
	if l.Above != nil && above == nil {
		return nil
	}
	z := evidence.ZoneKeys{Zone: w.text(l.Zone), Above: above, Security: string(l.Security)}
	if l.Public {
		z.DSSHA256, z.KeysSHA256 = w.blob(l.DS), w.blob(l.Keys)
	} else {
		z.DS, z.Keys = l.DS, l.Keys
	}
	i := len(w.chains)
	w.chains, w.places[l] = append(w.chains, z), i
	return &i
}

func (w *evidenceWriter) blob(b []byte) evidence.Hash {
	if len(b) == 0 {
		return evidence.Hash{}
	}
	h := evidence.HashOf(b)
	w.blobs[h] = b
	return h
}

func cutChain(h *evidence.Hop) {
	if h.TLS != nil {
		h.TLS.Chain = nil
	}
}

func cutBodies(fetches []evidence.Fetch, n int) {
	for i := range fetches {
		fetches[i].Body = fetches[i].Body[:min(n, len(fetches[i].Body))]
	}
}

func eachHop(doc *evidence.Document, fn func(*evidence.Hop)) {
	for _, list := range [][]evidence.Fetch{doc.Fetches, doc.Decoys} {
		for i := range list {
			for j := range list[i].Hops {
				fn(&list[i].Hops[j])
			}
		}
	}
}

func eachServer(doc *evidence.Document, fn func(*evidence.Server)) {
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
	chains  []evidence.ZoneKeys
	places  map[*zdns.ChainLink]int
	blobs   map[[32]byte][]byte
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

func (w *evidenceWriter) lookup(l *zdns.Lookup) evidence.Lookup {
	out := evidence.Lookup{Hops: make([]evidence.Answer, 0, len(l.Hops))}
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

func (w *evidenceWriter) answer(a *zdns.Answer) evidence.Answer {
	out := evidence.Answer{Name: w.text(a.Name), Type: dns.Type(a.Type).String(), Security: string(a.Security), Fault: w.fault(a.Fault)}
	if a.Zone != nil {
		out.Zone = w.text(a.Zone.Name)
	}
	for _, s := range a.Servers {
		if w.answers++; w.answers > evidenceAnswers {
			w.dropped = true
			break
		}
		server := evidence.Server{
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
			if len(s.Wire) <= evidenceBody { // a part of it proves nothing
				server.Chain = w.chain(s.Chain)
			}
		}
		if s.Fault != a.Fault {
			server.Fault = w.fault(s.Fault)
		}
		out.Servers = append(out.Servers, server)
	}
	return out
}

const evidenceTags = 50 // of keys

func (w *evidenceWriter) fault(f *zdns.Fault) *evidence.Fault {
	if f == nil {
		return nil
	}
	out := &evidence.Fault{
		Code: string(f.Code), Zone: w.text(f.Zone), Name: w.text(f.Name), Text: w.text(f.Text),
		KeyTags: f.KeyTags[:min(len(f.KeyTags), evidenceTags)], DSTags: f.DSTags[:min(len(f.DSTags), evidenceTags)],
		Inception: jsonTime(f.Inception), Expiration: jsonTime(f.Expiration),
	}
	if f.Type != 0 {
		out.Type = dns.Type(f.Type).String()
	}
	return out
}

func (w *evidenceWriter) registry(r *registry.Registration) *evidence.Registry {
	if r == nil {
		return nil
	}
	out := &evidence.Registry{
		Protocol: r.Source, Server: w.text(r.Server), URL: w.text(r.URL), AskedAt: jsonTime(r.AskedAt), Bytes: r.RawSize,
		SHA256: r.SHA256, Redacted: r.Redacted, Stale: r.Stale,
	}
	for _, s := range r.Statuses[:min(len(r.Statuses), 20)] {
		out.Statuses = append(out.Statuses, w.text(s))
	}
	return out
}

func (w *evidenceWriter) fetches(list []*web.Fetch) []evidence.Fetch {
	out := []evidence.Fetch{}
	for _, f := range list {
		if f == nil {
			continue
		}
		if len(out) == evidenceFetches {
			w.dropped = true
			break
		}
		e := evidence.Fetch{
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

func (w *evidenceWriter) hop(h web.Hop) evidence.Hop {
	out := evidence.Hop{URL: w.text(h.URL), Status: h.Status, Location: w.text(h.Location), Headers: w.headers(h.Header)}
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
		out.TLS = &evidence.TLS{
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
