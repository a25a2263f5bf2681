package perspective

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/verify"
	"github.com/zonehold/zonehold/verify/verifytest"
)

const patience = 45 * time.Second

// site is an installation: an authority with certificates for both sides.
type site struct {
	t         testing.TB
	authority *Authority
	pool      *x509.CertPool
	client    tls.Certificate
}

func newSite(t testing.TB) *site {
	t.Helper()
	a, err := NewAuthority(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	s := &site{t: t, authority: a, pool: x509.NewCertPool()}
	if !s.pool.AppendCertsFromPEM(a.Cert) {
		t.Fatal("the authority is not PEM")
	}
	pair, err := a.Client(time.Now(), "main")
	if err != nil {
		t.Fatal(err)
	}
	s.client = s.load(pair)
	return s
}

func (s *site) load(pair KeyPair) tls.Certificate {
	s.t.Helper()
	cert, err := tls.X509KeyPair(pair.Cert, pair.Key)
	if err != nil {
		s.t.Fatal(err)
	}
	return cert
}

func (s *site) server(hosts ...string) tls.Certificate {
	s.t.Helper()
	pair, err := s.authority.Server(time.Now(), "perspective", hosts)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.load(pair)
}

// serve runs a handler as a perspective would, and returns how to ask it.
func (s *site) serve(name, region string, h http.Handler) Remote {
	s.t.Helper()
	cfg, err := ServerTLS(s.server("127.0.0.1"), s.pool, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	srv := &http.Server{Handler: h, TLSConfig: cfg}
	if own, ok := h.(*Server); ok {
		srv = own.HTTP()
		srv.TLSConfig, ln = cfg, own.Listener(ln)
	}
	go srv.ServeTLS(ln, "", "")
	s.t.Cleanup(func() { srv.Close() })
	return s.remote(name, region, ln.Addr().String())
}

func (s *site) remote(name, region, addr string) Remote {
	s.t.Helper()
	cfg, err := ClientTLS("", s.client, s.pool)
	if err != nil {
		s.t.Fatal(err)
	}
	return Remote{Name: name, Region: region, Network: "network " + name, URL: "https://" + addr, TLS: cfg}
}

// honest is a perspective that sees what the lab shows.
func (s *site) honest(name, region string, l *verifytest.Lab) Remote {
	s.t.Helper()
	return s.serve(name, region, s.server1(name, func() (*verify.Kit, error) { return l.Kit, nil }))
}

func (s *site) server1(name string, kit func() (*verify.Kit, error)) *Server {
	s.t.Helper()
	srv, err := NewServer(ServerConfig{Name: name, Software: "test", Kit: kit})
	if err != nil {
		s.t.Fatal(err)
	}
	return srv
}

func panel(t testing.TB, remotes ...Remote) *Panel {
	t.Helper()
	p, err := NewPanel(remotes)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// ask asks about a claim by one method.
func ask(t testing.TB, p *Panel, l *verifytest.Lab, m verify.Method, c verify.Claim) []Result {
	t.Helper()
	q, ok := NewRequest(l.Kit, m.Name(), c)
	if !ok {
		t.Fatalf("%s cannot be asked for", m.Name())
	}
	q.ID = zonehold.NewID(zonehold.PrefixAttempt)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	return p.Ask(ctx, q, m.Challenge(l.Kit, c))
}

func method(t testing.TB, name zonehold.Method) verify.Method {
	t.Helper()
	m, ok := verify.Lookup(name)
	if !ok {
		t.Fatalf("no method %s", name)
	}
	return m
}
