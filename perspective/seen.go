package perspective

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	miekg "github.com/miekg/dns"

	"github.com/zonehold/zonehold/evidence"
	"github.com/zonehold/zonehold/probe/dns"
	"github.com/zonehold/zonehold/probe/web"
	"github.com/zonehold/zonehold/problem"
	"github.com/zonehold/zonehold/verify"
)

// What one check saw, in the form in which it is kept as evidence.
type seenDoc struct {
	DNS     []seenAnswer `json:"dns,omitempty"`
	Control *seenAnswer  `json:"dns_control,omitempty"`
	Web     []seenHop    `json:"web,omitempty"`
	Decoys  []seenHop    `json:"web_decoys,omitempty"`
	Omitted []string     `json:"omitted,omitempty"` // what did not fit
}

type seenAnswer struct {
	Name     string       `json:"name"`
	Type     string       `json:"type"`
	Zone     string       `json:"zone"`
	Security string       `json:"security,omitempty"`
	Servers  []seenServer `json:"servers"`
}

type seenServer struct {
	Server  string   `json:"server"`
	Address string   `json:"address,omitempty"`
	Status  string   `json:"status"`
	Kind    string   `json:"kind,omitempty"`
	Records []string `json:"records,omitempty"`
	Message []byte   `json:"message,omitempty"` // raw answer, base64
	Error   string   `json:"error,omitempty"`
}

type seenHop struct {
	URL        string `json:"url"`
	Address    string `json:"address,omitempty"`
	Status     int    `json:"status"`
	Location   string `json:"location,omitempty"`
	TLS        string `json:"tls_sha256,omitempty"` // of the certificate
	Body       []byte `json:"body,omitempty"`       // base64, cut
	BodyBytes  int    `json:"body_bytes,omitempty"`
	BodySHA256 string `json:"body_sha256,omitempty"`
	Error      string `json:"error,omitempty"`
}

const (
	seenServers = 40
	seenRecords = 20
	seenHops    = 16
	seenText    = 300  // characters
	seenBody    = 1024 // bytes
	seenMessage = 4096
)

// evidenceOf writes what a check saw within evidence.MaxPerspective bytes.
func evidenceOf(ev *verify.Evidence) json.RawMessage {
	var doc seenDoc
	for _, l := range ev.Lookups {
		for _, hop := range l.Hops {
			doc.DNS = append(doc.DNS, seenOf(hop))
		}
	}
	if ev.Control != nil {
		control := seenOf(ev.Control)
		doc.Control = &control
	}
	doc.Web, doc.Decoys = hopsOf(ev.Fetches), hopsOf(ev.Decoys)
	for _, c := range []struct {
		name string
		cut  func()
	}{
		{"", func() {}},
		{"dns_messages", func() { doc.eachServer(func(s *seenServer) { s.Message = nil }) }},
		{"bodies", func() { doc.eachHop(func(h *seenHop) { h.Body = nil }) }},
		{"dns_records", func() { doc.eachServer(func(s *seenServer) { s.Records = nil }) }},
		{"everything", func() { doc = seenDoc{Omitted: doc.Omitted} }},
	} {
		if c.cut(); c.name != "" {
			doc.Omitted = append(doc.Omitted, c.name)
		}
		if out, err := json.Marshal(doc); err == nil && len(out) <= evidence.MaxPerspective {
			return out
		}
	}
	return nil
}

// cleanSeen takes over what a perspective says it saw, of which nothing is to
// be trusted: only what evidenceOf writes, fit to be shown, within its bounds.
func cleanSeen(raw json.RawMessage) json.RawMessage {
	var doc seenDoc
	if len(raw) == 0 || len(raw) > evidence.MaxPerspective || json.Unmarshal(raw, &doc) != nil {
		return nil
	}
	clean := func(texts ...*string) {
		for _, s := range texts {
			*s = problem.Clean(*s, seenText)
		}
	}
	for i := range doc.Omitted {
		clean(&doc.Omitted[i])
	}
	answers := make([]*seenAnswer, 0, len(doc.DNS)+1)
	for i := range doc.DNS {
		answers = append(answers, &doc.DNS[i])
	}
	if doc.Control != nil {
		answers = append(answers, doc.Control)
	}
	for _, a := range answers {
		clean(&a.Name, &a.Type, &a.Zone, &a.Security)
	}
	doc.eachServer(func(s *seenServer) {
		clean(&s.Server, &s.Address, &s.Status, &s.Kind, &s.Error)
		for i := range s.Records {
			clean(&s.Records[i])
		}
	})
	doc.eachHop(func(h *seenHop) { clean(&h.URL, &h.Address, &h.Location, &h.TLS, &h.BodySHA256, &h.Error) })
	out, err := json.Marshal(doc)
	if err != nil || len(out) > evidence.MaxPerspective {
		return nil
	}
	return out
}

func (d *seenDoc) eachServer(fn func(*seenServer)) {
	for i := range d.DNS {
		for j := range d.DNS[i].Servers {
			fn(&d.DNS[i].Servers[j])
		}
	}
	if d.Control != nil {
		for j := range d.Control.Servers {
			fn(&d.Control.Servers[j])
		}
	}
}

func (d *seenDoc) eachHop(fn func(*seenHop)) {
	for _, list := range [][]seenHop{d.Web, d.Decoys} {
		for i := range list {
			fn(&list[i])
		}
	}
}

func seenOf(a *dns.Answer) seenAnswer {
	out := seenAnswer{Name: problem.Clean(a.Name, seenText), Type: miekg.Type(a.Type).String(), Security: string(a.Security), Servers: []seenServer{}}
	if a.Zone != nil {
		out.Zone = problem.Clean(a.Zone.Name, seenText)
	}
	for _, sa := range a.Servers[:min(len(a.Servers), seenServers)] {
		s := seenServer{Server: problem.Clean(sa.Server, seenText), Status: string(sa.Status), Kind: string(sa.Kind)}
		if sa.Addr.IsValid() {
			s.Address = sa.Addr.String()
		}
		if len(sa.Wire) <= seenMessage {
			s.Message = sa.Wire
		}
		for _, rec := range sa.Records[:min(len(sa.Records), seenRecords)] {
			s.Records = append(s.Records, problem.Clean(rec.Text, seenText))
		}
		if sa.Err != nil {
			s.Error = problem.Clean(sa.Err.Error(), seenText)
		}
		out.Servers = append(out.Servers, s)
	}
	return out
}

func hopsOf(fetches []*web.Fetch) (out []seenHop) {
	for _, f := range fetches {
		for i, hop := range f.Hops {
			if len(out) == seenHops {
				return out
			}
			h := seenHop{URL: problem.Clean(hop.URL, seenText), Status: hop.Status, Location: problem.Clean(hop.Location, seenText)}
			if hop.Addr.IsValid() {
				h.Address = hop.Addr.String()
			}
			if hop.TLS != nil {
				h.TLS = hop.TLS.SHA256
			}
			if i == len(f.Hops)-1 {
				if f.Err != nil {
					h.Error = problem.Clean(f.Err.Error(), seenText)
				}
				if f.Status != 0 {
					sum := sha256.Sum256(f.Body)
					h.Body, h.BodyBytes, h.BodySHA256 = f.Body[:min(len(f.Body), seenBody)], len(f.Body), hex.EncodeToString(sum[:])
				}
			}
			out = append(out, h)
		}
	}
	return out
}
