package notify

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"strings"
	"time"

	mail "github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"

	"github.com/zonehold/zonehold"
)

// Kinds of a failed Send.
var (
	ErrRefused     = errors.New("the mail server refuses the address")
	ErrDelayed     = errors.New("the mail server asks to try again later")
	ErrUnreachable = errors.New("the mail relay does not take mail from us")
)

// Error is why a mail was not handed over.
type Error struct {
	Kind  error // ErrRefused, ErrDelayed or ErrUnreachable
	Doing string
	Text  string // what the server said, or the cause; printable, bounded
	reply bool
}

func (e *Error) Error() string { return fmt.Sprintf("%v: %s: %s", e.Kind, e.Doing, e.Text) }

func (e *Error) Unwrap() error { return e.Kind }

// Reply is what the server said, "" if it said nothing.
func (e *Error) Reply() string {
	if !e.reply {
		return ""
	}
	return e.Text
}

// Bounds of one mail.
const (
	sendLimit = 15 * time.Second
	readLimit = 64 << 10 // bytes that the relay may say, TLS included
	maxSaid   = 300      // bytes of a reply that are kept
)

// Mail sends mail. Safe for concurrent use.
type Mail struct {
	relay Relay
	from  zonehold.MailAddress
	dial  func(ctx context.Context, network, address string) (net.Conn, error)
	limit time.Duration
	roots *x509.CertPool // nil: those of the system
}

// NewMail sends from one address through the relay, to which dial connects;
// see probe.Configured.
func NewMail(relay Relay, from string, dial func(ctx context.Context, network, address string) (net.Conn, error)) (*Mail, error) {
	sender, err := zonehold.ParseMailAddress(from)
	if err != nil {
		return nil, fmt.Errorf("reading the address that mail comes from: %w", err)
	}
	if dial == nil {
		return nil, errors.New("mail needs a way to connect")
	}
	return &Mail{relay: relay, from: sender, dial: dial, limit: sendLimit}, nil
}

// Send hands one plain-text mail over. It ends within 15 seconds, or with ctx
// if that is sooner. Errors are an *Error.
func (m *Mail) Send(ctx context.Context, to, subject, text string) error {
	return m.SendAs(ctx, zonehold.NewID("mail"), to, subject, text)
}

// SendAs is Send with an id of letters, digits and underscores that is the
// same each time the same mail is sent.
func (m *Mail) SendAs(ctx context.Context, id, to, subject, text string) error {
	address, err := zonehold.ParseMailAddress(to)
	if err != nil {
		return &Error{Kind: ErrRefused, Doing: "reading the address", Text: zonehold.ErrMailAddress.Error()}
	}
	msg, err := m.message(id, address, subject, text)
	if err != nil {
		return &Error{Kind: ErrUnreachable, Doing: "writing the mail", Text: clean(err.Error())}
	}
	return m.session(ctx, func(ctx context.Context, s *smtp.Client) error { return m.deliver(ctx, s, address, msg) })
}

// session connects, greets and signs in, and speaks with the relay as long as
// use does, within the limit.
func (m *Mail) session(ctx context.Context, use func(context.Context, *smtp.Client) error) error {
	ctx, cancel := context.WithTimeout(ctx, m.limit)
	defer cancel()
	conn, err := m.dial(ctx, "tcp", m.relay.Endpoint())
	if err != nil {
		return failed(ctx, ErrUnreachable, "connecting", err)
	}
	defer conn.Close()
	// Ends every read and write, whatever deadlines the client sets.
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	s, err := m.greet(ctx, &bounded{Conn: conn, left: readLimit})
	if err != nil {
		return err
	}
	return use(ctx, s)
}

// message writes the mail. It carries no word of ours about programs, and says
// that nobody sits at the other end (RFC 3834).
func (m *Mail) message(id string, to zonehold.MailAddress, subject, text string) (*mail.Msg, error) {
	msg := mail.NewMsg(mail.WithNoDefaultUserAgent(), mail.WithCharset(mail.CharsetUTF8), mail.WithEncoding(mail.EncodingQP))
	if err := msg.From(string(m.from)); err != nil {
		return nil, err
	}
	if err := msg.To(string(to)); err != nil {
		return nil, err
	}
	msg.Subject(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, subject))
	msg.SetDate()
	msg.SetMessageIDWithValue(id + "@" + string(m.from.Domain()))
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetBodyString(mail.TypeTextPlain, text)
	return msg, nil
}

// greet begins to speak with the relay, up to the sign-in.
func (m *Mail) greet(ctx context.Context, conn net.Conn) (*smtp.Client, error) {
	config := &tls.Config{ServerName: m.relay.Host, RootCAs: m.roots, MinVersion: tls.VersionTLS12}
	options := []mail.Option{
		mail.WithPort(int(m.relay.Port)), mail.WithTimeout(m.limit), mail.WithHELO(string(m.from.Domain())),
		mail.WithTLSConfig(config), mail.WithTLSPolicy(mail.TLSMandatory),
	}
	plain, login := mail.SMTPAuthPlain, mail.SMTPAuthLogin
	switch {
	case m.relay.TLS:
		options = append(options, mail.WithSSL())
	case m.relay.Plain:
		options = append(options, mail.WithTLSPolicy(mail.NoTLS))
		plain, login = mail.SMTPAuthPlainNoEnc, mail.SMTPAuthLoginNoEnc
	case m.relay.loopback():
		options = append(options, mail.WithTLSPolicy(mail.TLSOpportunistic))
	}
	if m.relay.User != "" {
		options = append(options, mail.WithUsername(m.relay.User), mail.WithPassword(m.relay.Password),
			mail.WithOpportunisticSMTPAuth(mail.SMTPAuthSCRAMSHA256, plain, login))
	}
	options = append(options, mail.WithDialContextFunc(func(ctx context.Context, _, _ string) (net.Conn, error) {
		if !m.relay.TLS {
			return conn, nil
		}
		c := tls.Client(conn, config)
		return c, c.HandshakeContext(ctx)
	}))
	client, err := mail.NewClient(m.relay.Host, options...)
	if err != nil {
		return nil, failed(ctx, ErrUnreachable, "setting up", err)
	}
	s, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return nil, failed(ctx, ErrUnreachable, "greeting", err)
	}
	return s, nil
}

// deliver hands a mail over.
func (m *Mail) deliver(ctx context.Context, s *smtp.Client, to zonehold.MailAddress, msg *mail.Msg) error {
	if err := s.Mail("<" + string(m.from) + ">"); err != nil {
		return failed(ctx, ErrUnreachable, "naming the sender", err)
	}
	if err := s.Rcpt("<" + string(to) + ">"); err != nil {
		return failed(ctx, nil, "naming the recipient", err)
	}
	return m.write(ctx, s, msg)
}

func (m *Mail) write(ctx context.Context, s *smtp.Client, msg *mail.Msg) error {
	w, err := s.Data()
	if err != nil {
		return failed(ctx, nil, "beginning the mail", err)
	}
	if _, err := msg.WriteTo(w); err != nil {
		return failed(ctx, ErrDelayed, "writing the mail", err)
	}
	if err := w.Close(); err != nil {
		return failed(ctx, nil, "ending the mail", err)
	}
	_ = s.Quit() // it has the mail
	return nil
}

// failed sorts an error. Kind nil: by what the server said.
func failed(ctx context.Context, kind error, doing string, err error) *Error {
	e := &Error{Kind: kind, Doing: doing, Text: clean(err.Error())}
	var reply *textproto.Error
	if errors.As(err, &reply) {
		e.Text, e.reply = clean(fmt.Sprintf("%03d %s", reply.Code, reply.Msg)), true
	} else if late := net.Error(nil); ctx.Err() != nil || errors.As(err, &late) && late.Timeout() {
		e.Text = "no answer in time"
	}
	switch {
	case kind != nil:
	case e.reply && reply.Code >= 500 && reply.Code < 600:
		e.Kind = ErrRefused
	default:
		e.Kind = ErrDelayed
	}
	return e
}

// clean bounds what a stranger said and makes a line of printable ASCII of it.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return ' '
		}
		return r
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	return s[:min(len(s), maxSaid)]
}

// bounded ends a connection on which too much is said: the client keeps whole
// lines in memory.
type bounded struct {
	net.Conn
	left int
}

var errTooMuch = errors.New("the mail relay says too much")

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooMuch
	}
	n, err := b.Conn.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}
