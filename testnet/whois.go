package testnet

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

// Registries is the registration side of the fake internet: the WHOIS root
// and the RDAP bootstrap of IANA, and for each top-level domain a registry
// with a WHOIS and an RDAP server. All of them are web hosts of the network as
// well, with names, addresses and DNS records.
type Registries struct {
	net  *Network
	root *WHOISServer
	boot *Host

	mu      sync.Mutex
	port    uint16 // of WHOIS
	tlds    map[string]*TLD
	servers []*WHOISServer
	queries ring[WHOISQuery]
}

// NewRegistries starts whois.iana.org and data.iana.org; registries come with
// the first domain. Once per network.
func (n *Network) NewRegistries() *Registries {
	r := &Registries{net: n, port: 43, tlds: map[string]*TLD{}}
	if n.onLoopback {
		r.port = 0 // chosen with the first server
	}
	r.queries.limit = maxHistory
	r.root = r.WHOIS("whois.iana.org")
	r.boot = n.Host("data.iana.org")
	r.boot.Handle(bootstrapPath, r.serveBootstrap())
	return r
}

// Root is IANA's WHOIS server.
func (r *Registries) Root() *WHOISServer { return r.root }

// WHOISRoot is the setting that begins at this root: its name, or on loopback
// its address and port.
func (r *Registries) WHOISRoot() string {
	if !r.net.onLoopback {
		return r.root.Name()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return netip.AddrPortFrom(r.root.host.Addrs()[0], r.port).String()
}

// Queries lists the latest questions to all WHOIS servers, oldest first.
func (r *Registries) Queries() []WHOISQuery { return r.queries.list() }

// TLD is the registry of a top-level domain.
type TLD struct {
	r     *Registries
	name  string
	whois *WHOISServer
	rdap  *RDAPServer

	mu      sync.Mutex
	style   WHOISStyle
	domains map[string]Registration
	noWHOIS bool
	noRDAP  bool
	refer   string // instead of the registry's WHOIS server
	base    string // instead of the registry's RDAP server
}

// TLD returns the registry of a top-level domain, with a WHOIS and an RDAP
// server that IANA names, making it on first use.
func (r *Registries) TLD(name string) *TLD {
	name = strings.ToLower(strings.Trim(name, "."))
	r.mu.Lock()
	t := r.tlds[name]
	r.mu.Unlock()
	if t != nil {
		return t
	}
	t = &TLD{r: r, name: name, style: StyleFlat, domains: map[string]Registration{}}
	t.whois = r.WHOIS("whois.registry-" + name + ".net")
	t.rdap = r.RDAP("rdap.registry-" + name + ".net")
	r.mu.Lock()
	defer r.mu.Unlock()
	if have := r.tlds[name]; have != nil {
		return have
	}
	t.whois.tld, t.rdap.tld = t, t
	r.tlds[name] = t
	return t
}

// Register publishes a registration at the registry of its top-level domain,
// in the place of an earlier one.
func (r *Registries) Register(reg Registration) *TLD {
	reg.Domain = strings.ToLower(strings.Trim(reg.Domain, "."))
	t := r.TLD(reg.Domain[strings.LastIndexByte(reg.Domain, '.')+1:])
	t.mu.Lock()
	defer t.mu.Unlock()
	t.domains[reg.Domain] = reg
	return t
}

// Unregister deletes a registration.
func (r *Registries) Unregister(domain string) {
	domain = strings.ToLower(strings.Trim(domain, "."))
	t := r.TLD(domain[strings.LastIndexByte(domain, '.')+1:])
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.domains, domain)
}

// WHOIS is the registry's server on port 43.
func (t *TLD) WHOIS() *WHOISServer { return t.whois }

// RDAP is the registry's server for RDAP.
func (t *TLD) RDAP() *RDAPServer { return t.rdap }

// Style sets how the WHOIS server writes.
func (t *TLD) Style(s WHOISStyle) *TLD {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.style = s
	return t
}

// NoWHOIS has IANA name no WHOIS server.
func (t *TLD) NoWHOIS() *TLD {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.noWHOIS = true
	return t
}

// NoRDAP has IANA name no RDAP server.
func (t *TLD) NoRDAP() *TLD {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.noRDAP = true
	return t
}

// Refer has IANA refer to something else than the registry's WHOIS server:
// written as given, a lie included.
func (t *TLD) Refer(to string) *TLD {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.refer, t.noWHOIS = to, false
	return t
}

// Base has the bootstrap name another base URL than the registry's.
func (t *TLD) Base(url string) *TLD {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.base, t.noRDAP = url, false
	return t
}

func (t *TLD) find(domain string) (Registration, WHOISStyle, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	reg, ok := t.domains[strings.ToLower(strings.Trim(domain, "."))]
	return reg, t.style, ok
}

// WHOISServer answers on port 43: a line in, a text out, end.
type WHOISServer struct {
	r    *Registries
	host *Host
	tld  *TLD // whose registrations it publishes; nil: the root, or nobody's

	mu      sync.Mutex
	answers map[string][]byte
	fault   WHOISFault
}

// WHOISQuery is one question that a WHOIS server received.
type WHOISQuery struct {
	Time   time.Time
	Server string
	Addr   netip.AddrPort // its public address
	From   netip.AddrPort
	Query  string // the line, without its end
}

// WHOIS starts a server on port 43 of the host of that name, which belongs to
// no registry: a registrar's, or a liar's.
func (r *Registries) WHOIS(name string) *WHOISServer {
	s := &WHOISServer{r: r, host: r.net.Host(name), answers: map[string][]byte{}}
	r.net.mu.Lock()
	defer r.net.mu.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	if i := slices.IndexFunc(r.servers, func(o *WHOISServer) bool { return o.host == s.host }); i >= 0 {
		return r.servers[i]
	}
	for _, a := range s.host.Addrs() {
		if err := s.listen(a); err != nil {
			panic(fmt.Sprintf("testnet: starting WHOIS on %s: %v", name, err))
		}
	}
	r.servers = append(r.servers, s)
	return s
}

// Name of the server.
func (s *WHOISServer) Name() string { return s.host.Name() }

// Host is the web host of the same name, with its addresses and DNS records.
func (s *WHOISServer) Host() *Host { return s.host }

// Answer gives a fixed text to a question, compared without case. An empty
// question stands for every other one. Line ends become CRLF.
func (s *WHOISServer) Answer(query, text string) *WHOISServer {
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\n", "\r\n")
	return s.AnswerBytes(query, []byte(text))
}

// AnswerBytes is Answer with exactly these bytes.
func (s *WHOISServer) AnswerBytes(query string, answer []byte) *WHOISServer {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers[strings.ToLower(query)] = answer
	return s
}

// Queries lists what this server was asked, oldest first.
func (s *WHOISServer) Queries() []WHOISQuery {
	return slices.DeleteFunc(s.r.Queries(), func(q WHOISQuery) bool { return q.Server != s.Name() })
}

// listen opens the port of one address. Call with the locks of the network
// and the registries held.
func (s *WHOISServer) listen(a netip.Addr) error {
	n := s.r.net
	if n.closed {
		return net.ErrClosed
	}
	l, err := n.listenTCP(netip.AddrPortFrom(a, s.r.port))
	if err != nil {
		return err
	}
	local := l.Addr().(*net.TCPAddr).AddrPort()
	if s.r.port == 0 {
		s.r.port = local.Port()
	}
	public := netip.AddrPortFrom(a, s.r.port)
	n.closers = append(n.closers, func() { _ = l.Close() })
	n.route(public, func() (netip.AddrPort, bool) {
		if s.faulty() == WHOISFaultRefused {
			return nobody, true
		}
		return local, true
	})
	n.running.Add(1)
	go func() {
		defer n.running.Done()
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			n.running.Add(1)
			go func() {
				defer n.running.Done()
				s.serve(conn, public)
			}()
		}
	}()
	return nil
}

func (s *WHOISServer) faulty() WHOISFault {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fault
}

// serve answers one connection.
func (s *WHOISServer) serve(conn net.Conn, public netip.AddrPort) {
	defer conn.Close()
	defer closeOn(s.r.net.ctx, conn)()
	line, err := bufio.NewReader(io.LimitReader(conn, 1024)).ReadString('\n')
	if err != nil {
		return
	}
	query := strings.TrimRight(line, "\r\n")
	s.r.queries.add(WHOISQuery{
		Time: time.Now(), Server: s.Name(), Addr: public, From: conn.RemoteAddr().(*net.TCPAddr).AddrPort(), Query: query,
	})
	answer := s.answer(query)
	if f := s.faulty(); f != WHOISFaultNone {
		s.misbehave(conn, f, query, answer)
		return
	}
	_, _ = conn.Write(answer)
}

// answer is what the server says when nothing is wrong with it.
func (s *WHOISServer) answer(query string) []byte {
	s.mu.Lock()
	fixed, ok := s.answers[strings.ToLower(query)]
	if !ok {
		fixed, ok = s.answers[""]
	}
	s.mu.Unlock()
	switch {
	case ok:
		return fixed
	case s == s.r.root:
		return []byte(s.r.ianaRecord(query))
	case s.tld == nil:
		return []byte("% No entries found.\r\n")
	}
	reg, style, ok := s.tld.find(query)
	if !ok {
		return []byte("No match for \"" + strings.ToUpper(query) + "\".\r\n>>> Last update of WHOIS database: 2026-11-21T00:00:00Z <<<\r\n")
	}
	return []byte(crlf(reg.whois(style)))
}

// ianaRecord is what the root says of a top-level domain, in IANA's manner.
func (r *Registries) ianaRecord(query string) string {
	name := strings.ToLower(query[strings.LastIndexByte(query, '.')+1:])
	r.mu.Lock()
	t := r.tlds[name]
	r.mu.Unlock()
	var b strings.Builder
	b.WriteString("% IANA WHOIS server\n% for more information on IANA, visit http://www.iana.org\n\n")
	if t == nil {
		b.WriteString("% This query returned 0 objects.\n")
		return crlf(b.String())
	}
	t.mu.Lock()
	refer := t.refer
	if refer == "" {
		refer = t.whois.Name()
	}
	if t.noWHOIS {
		refer = ""
	}
	t.mu.Unlock()
	b.WriteString("% This query returned 1 object\n\n")
	if refer != "" {
		fmt.Fprintf(&b, "refer:        %s\n\n", refer)
	}
	fmt.Fprintf(&b, "domain:       %s\n\norganisation: Registry of %s\n\n", strings.ToUpper(name), name)
	fmt.Fprintf(&b, "contact:      administrative\nname:         Registry of %s\ne-mail:       hostmaster@registry-%s.net\n\n", name, name)
	if refer != "" {
		fmt.Fprintf(&b, "whois:        %s\n\n", refer)
	}
	b.WriteString("status:       ACTIVE\nremarks:      Registration information: http://www.iana.org\n\nsource:       IANA\n")
	return crlf(b.String())
}

func crlf(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }
