package testnet

import (
	"fmt"
	"net/http"
	"strings"
)

// RDAPFault is one misbehaviour of an RDAP server. Faults of transport and
// TLS are those of its host.
type RDAPFault string

const (
	RDAPFaultNone        RDAPFault = ""
	RDAPFaultHuge        RDAPFault = "huge"         // 10 MiB of JSON
	RDAPFaultDeep        RDAPFault = "deep"         // JSON nested 10 000 deep
	RDAPFaultMany        RDAPFault = "many"         // 300 000 empty entities
	RDAPFaultBroken      RDAPFault = "broken"       // JSON that ends in the middle
	RDAPFaultWrongType   RDAPFault = "wrong_type"   // the right answer as text/html
	RDAPFaultRateLimit   RDAPFault = "rate_limit"   // 429 with Retry-After
	RDAPFaultServerError RDAPFault = "server_error" // 500
	RDAPFaultNotFound    RDAPFault = "not_found"    // 404 for every domain
	RDAPFaultHTML404     RDAPFault = "html_404"     // 404 that is no answer of RDAP
	RDAPFaultOtherDomain RDAPFault = "other_domain" // the registration under another name
	RDAPFaultOtherClass  RDAPFault = "other_class"  // an entity instead of a domain
	RDAPFaultLocalhost   RDAPFault = "localhost"    // redirect to http://127.0.0.1/
	RDAPFaultElsewhere   RDAPFault = "elsewhere"    // redirect to another public site
	RDAPFaultCircle      RDAPFault = "circle"       // redirect to itself
)

// Fault makes the server misbehave until called with RDAPFaultNone.
func (s *RDAPServer) Fault(f RDAPFault) *RDAPServer {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
	return s
}

const hugeJSON = 10 << 20

func (s *RDAPServer) misbehave(w http.ResponseWriter, f RDAPFault, domain string) {
	redirect := func(to string) {
		w.Header().Set("Location", to)
		w.WriteHeader(http.StatusFound)
	}
	start := fmt.Sprintf(`{"objectClassName":"domain","ldhName":%q,`, domain)
	switch f {
	case RDAPFaultLocalhost:
		redirect("http://127.0.0.1/domain/" + domain)
		return
	case RDAPFaultElsewhere:
		redirect("https://rdap.elsewhere.org/domain/" + domain)
		return
	case RDAPFaultCircle:
		redirect("/domain/" + domain)
		return
	case RDAPFaultRateLimit:
		w.Header().Set("Retry-After", "120")
		rdapError(w, http.StatusTooManyRequests, "slow down")
		return
	case RDAPFaultServerError:
		rdapError(w, http.StatusInternalServerError, "broken")
		return
	case RDAPFaultNotFound:
		rdapError(w, http.StatusNotFound, "not found")
		return
	case RDAPFaultHTML404:
		http.Error(w, "<h1>Not Found</h1>", http.StatusNotFound)
		return
	case RDAPFaultOtherDomain:
		s.serveDomain(w, domain, "other-"+domain)
		return
	case RDAPFaultWrongType:
		w.Header().Set("Content-Type", "text/html")
		reg := s.found(domain)
		_, _ = w.Write(reg.RDAP())
		return
	}
	w.Header().Set("Content-Type", rdapType)
	switch f {
	case RDAPFaultHuge:
		_, _ = fmt.Fprint(w, start, `"remarks":[{"description":["`)
		chunk := []byte(strings.Repeat("x", 1<<16))
		for range hugeJSON / len(chunk) {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
		_, _ = fmt.Fprint(w, `"]}]}`)
	case RDAPFaultDeep:
		const depth = 10_000
		_, _ = fmt.Fprint(w, start, `"entities":`, strings.Repeat(`[`, depth), strings.Repeat(`]`, depth), `}`)
	case RDAPFaultMany:
		_, _ = fmt.Fprint(w, start, `"entities":[`, strings.Repeat(`{},`, 300_000), `{}]}`)
	case RDAPFaultBroken:
		reg := s.found(domain)
		body := reg.RDAP()
		_, _ = w.Write(body[:len(body)/2])
	case RDAPFaultOtherClass:
		_, _ = fmt.Fprintf(w, `{"objectClassName":"entity","ldhName":%q,"handle":"X"}`, domain)
	}
}

func (s *RDAPServer) found(domain string) Registration {
	if s.tld == nil {
		return Registration{Domain: domain}
	}
	reg, _, _ := s.tld.find(domain)
	return reg
}
