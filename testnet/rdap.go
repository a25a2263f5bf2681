package testnet

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	bootstrapPath = "/rdap/dns.json"
	rdapType      = "application/rdap+json"
)

// BootstrapURL is where the network's bootstrap of RFC 9224 is served.
func (r *Registries) BootstrapURL() string { return r.url(r.boot) + bootstrapPath }

// BootstrapHost serves it, for faults.
func (r *Registries) BootstrapHost() *Host { return r.boot }

// url is the https URL of a host without a path.
func (r *Registries) url(h *Host) string {
	if r.net.ports.HTTPS == 443 {
		return "https://" + h.Name()
	}
	return "https://" + net.JoinHostPort(h.Name(), strconv.Itoa(int(r.net.ports.HTTPS)))
}

// Bootstrap is the bootstrap as it is served now: one service for each
// registry with RDAP.
func (r *Registries) Bootstrap() []byte {
	r.mu.Lock()
	var tlds []*TLD
	for _, t := range r.tlds {
		tlds = append(tlds, t)
	}
	r.mu.Unlock()
	slices.SortFunc(tlds, func(a, b *TLD) int { return strings.Compare(a.name, b.name) })
	services := [][][]string{}
	for _, t := range tlds {
		t.mu.Lock()
		base := t.base
		if base == "" {
			base = t.rdap.Base()
		}
		if !t.noRDAP {
			services = append(services, [][]string{{t.name}, {base}})
		}
		t.mu.Unlock()
	}
	out, err := json.Marshal(map[string]any{
		"version": "1.0", "publication": time.Now().UTC().Format(time.RFC3339), "services": services,
		"description": "RDAP bootstrap of a fake internet",
	})
	if err != nil {
		panic(fmt.Sprintf("testnet: writing the bootstrap: %v", err))
	}
	return out
}

func (r *Registries) serveBootstrap() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(r.Bootstrap())
	})
}

// RDAPServer answers /domain/{name} over https. Its requests are in
// Host().Requests().
type RDAPServer struct {
	r    *Registries
	host *Host
	tld  *TLD // whose registrations it publishes; nil: nobody's

	mu      sync.Mutex
	answers map[string]rdapAnswer
	fault   RDAPFault
}

type rdapAnswer struct {
	status int
	media  string
	body   []byte
}

// RDAP starts a server on the host of that name, which belongs to no
// registry.
func (r *Registries) RDAP(name string) *RDAPServer {
	s := &RDAPServer{r: r, host: r.net.Host(name), answers: map[string]rdapAnswer{}}
	s.host.CatchAll(s)
	return s
}

// Host is the web host, for faults of transport and TLS.
func (s *RDAPServer) Host() *Host { return s.host }

// Base is the base URL of the service.
func (s *RDAPServer) Base() string { return s.r.url(s.host) + "/" }

// Requests lists what this server was asked, oldest first.
func (s *RDAPServer) Requests() []Request { return s.host.Requests() }

// Answer gives a fixed answer to the question about a domain.
func (s *RDAPServer) Answer(domain string, status int, media, body string) *RDAPServer {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers[strings.ToLower(domain)] = rdapAnswer{status, media, []byte(body)}
	return s
}

// ServeHTTP answers one question.
func (s *RDAPServer) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	domain, ok := strings.CutPrefix(strings.ToLower(req.URL.Path), "/domain/")
	if !ok {
		rdapError(w, http.StatusNotFound, "no such path")
		return
	}
	s.mu.Lock()
	fixed, isFixed := s.answers[domain]
	fault := s.fault
	s.mu.Unlock()
	if fault != RDAPFaultNone {
		s.misbehave(w, fault, domain)
		return
	}
	if isFixed {
		w.Header().Set("Content-Type", fixed.media)
		w.WriteHeader(fixed.status)
		_, _ = w.Write(fixed.body)
		return
	}
	s.serveDomain(w, domain, domain)
}

// serveDomain answers with the registration of one domain as if it were that
// of another.
func (s *RDAPServer) serveDomain(w http.ResponseWriter, domain, as string) {
	if s.tld == nil {
		rdapError(w, http.StatusNotFound, "not found")
		return
	}
	reg, _, ok := s.tld.find(domain)
	if !ok {
		rdapError(w, http.StatusNotFound, "not found")
		return
	}
	reg.Domain = as
	w.Header().Set("Content-Type", rdapType)
	_, _ = w.Write(reg.RDAP())
}

func rdapError(w http.ResponseWriter, status int, title string) {
	w.Header().Set("Content-Type", rdapType)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{
		"rdapConformance": []string{"rdap_level_0"}, "errorCode": status, "title": title,
	})
}

type object = map[string]any

// RDAP is the registration as an RDAP server writes it (RFC 9083, and RFC
// 9537 for redacted contacts).
func (r Registration) RDAP() []byte {
	r = r.whole()
	d := object{
		"rdapConformance": []string{"rdap_level_0", "redacted"},
		"objectClassName": "domain",
		"handle":          "D-" + strings.ToUpper(r.Domain),
		"ldhName":         strings.ToUpper(r.Domain),
		"status":          r.Statuses,
		"port43":          "whois.registrar.example",
		"events": []object{
			{"eventAction": "registration", "eventDate": r.Created.Format(time.RFC3339)},
			{"eventAction": "last changed", "eventDate": r.Updated.Format(time.RFC3339)},
			{"eventAction": "expiration", "eventDate": r.Expires.Format(time.RFC3339)},
		},
		"notices": []object{{"title": "Terms of Use", "description": []string{"Ask legal@registry.example."}}},
		"links":   []object{{"rel": "related", "href": "https://rdap.registrar.example/domain/" + r.Domain}},
	}
	var servers []object
	for _, ns := range r.NameServers {
		servers = append(servers, object{"objectClassName": "nameserver", "ldhName": ns})
	}
	if servers != nil {
		d["nameservers"] = servers
	}
	if len(r.Remarks) > 0 {
		d["remarks"] = []object{{"title": "Remarks", "description": r.Remarks}}
	}
	var entities, redacted []object
	for _, c := range r.roles() {
		e := object{"objectClassName": "entity", "roles": []string{c.rdap}}
		if c.Redacted {
			e["vcardArray"] = jCard(Person{})
			redacted = append(redacted, object{
				"name":    object{"description": c.flat + " Email"},
				"prePath": "$.entities[?(@.roles[0]=='" + c.rdap + "')].vcardArray[1][?(@[0]=='email')]",
				"method":  "removal", "reason": object{"description": "Server policy"},
			})
		} else {
			e["vcardArray"] = jCard(c.Person)
		}
		entities = append(entities, e)
	}
	registrar := object{"objectClassName": "entity", "roles": []string{"registrar"}, "vcardArray": jCard(Person{Name: r.Registrar})}
	if r.AbuseEmail != "" {
		registrar["entities"] = []object{
			{"objectClassName": "entity", "roles": []string{"abuse"}, "vcardArray": jCard(Person{Name: "Abuse desk", Email: r.AbuseEmail})},
			{"objectClassName": "entity", "roles": []string{"technical"}, "vcardArray": jCard(Person{Name: "Registrar's technician", Email: r.AbuseEmail})},
		}
	}
	d["entities"] = append(entities, registrar)
	if redacted != nil {
		d["redacted"] = redacted
	}
	out, err := json.MarshalIndent(d, "", " ")
	if err != nil {
		panic(fmt.Sprintf("testnet: writing RDAP of %s: %v", r.Domain, err))
	}
	return out
}

// jCard is a vCard in JSON (RFC 7095).
func jCard(p Person) []any {
	props := []any{[]any{"version", object{}, "text", "4.0"}, []any{"fn", object{}, "text", p.Name}}
	if p.Organization != "" {
		props = append(props, []any{"org", object{}, "text", p.Organization})
	}
	if p.Email != "" {
		props = append(props, []any{"email", object{"type": "work"}, "text", p.Email})
	}
	return []any{"vcard", props}
}
