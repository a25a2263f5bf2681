package testnet

import (
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"
)

// MailOptions are how a mail server is made.
type MailOptions struct {
	Name           string // of the server and its certificate; "": localhost
	User, Password string // asked for before any mail; "": nobody is asked
	NoSTARTTLS     bool   // does not offer STARTTLS
	TLS            bool   // speaks TLS from the first byte, as port 465 does
	BadCertificate bool   // has a certificate of an authority that nobody knows
}

// MailServer is a mail relay of the fake internet, on a loopback port: it
// speaks SMTP (RFC 5321) with STARTTLS, AUTH PLAIN and LOGIN, takes every
// mail and keeps it.
type MailServer struct {
	opts  MailOptions
	addr  netip.AddrPort
	cert  *tls.Certificate
	net   *Network
	mu    sync.Mutex
	fault MailFault
	times int // sessions that the fault is still for; 0: all
	rules map[string]mailReply
	mails []Mail
	count int // connections
}

type mailReply struct {
	code int
	text string
}

// Mail is a mail that a server took.
type Mail struct {
	Time time.Time
	From string // envelope
	To   []string
	Data string // as received, with CRLF, dots unstuffed
	TLS  bool
	User string // who was signed in
	Helo string
}

// maxMails bounds the kept mails of a server.
const maxMails = 1000

// MailServer starts a mail server.
func (n *Network) MailServer(o MailOptions) *MailServer {
	if o.Name == "" {
		o.Name = "localhost"
	}
	flaw := certGood
	if o.BadCertificate {
		flaw = certSelfSigned
	}
	cert, err := n.ca.issue(o.Name, flaw)
	if err != nil {
		panic(fmt.Sprintf("testnet: %v", err))
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		panic("testnet: mail server on a closed network")
	}
	l, err := (&net.ListenConfig{}).Listen(n.ctx, "tcp4", "127.0.0.1:0")
	if err != nil {
		panic(fmt.Sprintf("testnet: starting a mail server: %v", err))
	}
	s := &MailServer{
		opts: o, addr: l.Addr().(*net.TCPAddr).AddrPort(), cert: cert, net: n, rules: map[string]mailReply{},
	}
	n.closers = append(n.closers, func() { l.Close() })
	n.running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			n.running.Go(func() { s.serve(conn) })
		}
	})
	return s
}

// Addr is the loopback address and port of the server.
func (s *MailServer) Addr() netip.AddrPort { return s.addr }

// URL is what a client is configured with: "smtp://user:password@localhost:2525".
func (s *MailServer) URL() string {
	u := url.URL{Scheme: "smtp", Host: net.JoinHostPort(s.opts.Name, fmt.Sprint(s.addr.Port()))}
	if s.opts.TLS {
		u.Scheme = "smtps"
	}
	if s.opts.User != "" {
		u.User = url.UserPassword(s.opts.User, s.opts.Password)
	}
	if s.opts.NoSTARTTLS && !s.opts.TLS {
		u.RawQuery = "starttls=never"
	}
	return u.String()
}

// Fault makes the next times connections fail; 0 times means all of them.
func (s *MailServer) Fault(f MailFault, times int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault, s.times = f, times
}

// Answer makes the server say that to RCPT for one address, letter case aside.
func (s *MailServer) Answer(address string, code int, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rules[strings.ToLower(address)] = mailReply{code, text}
}

// Mails lists the mails taken so far, oldest first.
func (s *MailServer) Mails() []Mail {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Mail(nil), s.mails...)
}

// MailsTo lists those to one address.
func (s *MailServer) MailsTo(address string) []Mail {
	var out []Mail
	for _, m := range s.Mails() {
		for _, to := range m.To {
			if strings.EqualFold(to, address) {
				out = append(out, m)
				break
			}
		}
	}
	return out
}

// Connections counts the connections so far.
func (s *MailServer) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count
}

func (s *MailServer) keep(m Mail) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mails = append(s.mails, m); len(s.mails) > maxMails {
		s.mails = s.mails[1:]
	}
}

// begin counts a connection and says how it has to fail.
func (s *MailServer) begin() MailFault {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count++
	f := s.fault
	if f != MailFaultNone && s.times > 0 {
		if s.times--; s.times == 0 {
			s.fault = MailFaultNone
		}
	}
	return f
}

func (s *MailServer) rule(address string) (mailReply, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.rules[strings.ToLower(address)]
	return r, ok
}

// Header is the first header field of that name, decoded; "" if there is none.
func (m Mail) Header(name string) string {
	msg, err := mail.ReadMessage(strings.NewReader(m.Data))
	if err != nil {
		return ""
	}
	v := msg.Header.Get(name)
	if d, err := new(mime.WordDecoder).DecodeHeader(v); err == nil {
		return d
	}
	return v
}

// Text is the body, decoded, with plain line ends.
func (m Mail) Text() string {
	msg, err := mail.ReadMessage(strings.NewReader(m.Data))
	if err != nil {
		return ""
	}
	r := msg.Body
	switch strings.ToLower(msg.Header.Get("Content-Transfer-Encoding")) {
	case "quoted-printable":
		r = quotedprintable.NewReader(r)
	case "base64":
		r = base64.NewDecoder(base64.StdEncoding, r)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		return ""
	}
	return strings.ReplaceAll(string(b), "\r\n", "\n")
}
