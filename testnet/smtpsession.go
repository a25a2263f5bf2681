package testnet

import (
	"bufio"
	"context"
	"crypto/subtle"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// MailFault is how a mail server misbehaves.
type MailFault int

// The faults of a mail server.
const (
	MailFaultNone           MailFault = iota
	MailFaultNoService                // greets with 554
	MailFaultRejectSender             // 550 to MAIL
	MailFaultRejectRcpt               // 550 to RCPT
	MailFaultGreylist                 // 451 to RCPT
	MailFaultFull                     // 452 to RCPT
	MailFaultRejectData               // 554 after the content
	MailFaultDelayData                // 451 after the content
	MailFaultCloseAfterData           // closes instead of the last reply
	MailFaultCloseAfterSent           // takes the mail and closes before QUIT
	MailFaultStall                    // takes the connection and says nothing
	MailFaultStallData                // says nothing after the content
	MailFaultHugeBanner               // a greeting of one line of 10 MB
	MailFaultEndlessReply             // a reply of lines without an end
	MailFaultGarbage                  // greets with bytes that are not SMTP
	MailFaultControls                 // 550 to RCPT with control characters, escapes and bidi marks
	MailFaultLongText                 // 550 to RCPT with 4 KB of text
	MailFaultBadTLS                   // agrees to STARTTLS and speaks on in plain text
)

// Controls is what MailFaultControls says.
const Controls = "5.1.1 no \x1b[31muser\x1b[0m \u202etset\u202c\x07 <script>alert(1)</script>\x00\u200b end"

// Bounds of a session (RFC 5321 section 4.5.3.1, with room).
const (
	maxMailLine  = 4096
	maxMailBytes = 4 << 20
	maxMailRcpts = 100
	mailIdle     = 5 * time.Minute
)

// mailSession is one connection to a mail server.
type mailSession struct {
	s      *MailServer
	conn   net.Conn
	r      *bufio.Reader
	fault  MailFault
	secure bool
	helo   string
	user   string
	from   *string // nil: no mail is under way
	to     []string
}

func (s *MailServer) serve(conn net.Conn) {
	stop := context.AfterFunc(s.net.ctx, func() { conn.Close() })
	defer stop()
	defer conn.Close()
	c := &mailSession{s: s, conn: conn, fault: s.begin()}
	if s.opts.TLS {
		tc := tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{*s.cert}})
		if tc.HandshakeContext(s.net.ctx) != nil {
			return
		}
		c.conn, c.secure = tc, true
	}
	c.r = bufio.NewReaderSize(c.conn, maxMailLine)
	c.run()
}

var errMailEnd = errors.New("the session is over")

func (c *mailSession) run() {
	if c.greet() != nil {
		return
	}
	for {
		line, err := c.line()
		if errors.Is(err, bufio.ErrBufferFull) {
			_ = c.say(500, "5.5.2 line too long")
			return
		}
		if err != nil || c.command(line) != nil {
			return
		}
	}
}

func (c *mailSession) greet() error {
	switch c.fault {
	case MailFaultStall:
		c.hang()
		return errMailEnd
	case MailFaultHugeBanner:
		piece := []byte(strings.Repeat("x", 1<<16))
		for range 10 << 20 / len(piece) {
			if _, err := c.conn.Write(piece); err != nil {
				break
			}
		}
		return errMailEnd
	case MailFaultEndlessReply:
		for {
			if _, err := io.WriteString(c.conn, "220-and so on\r\n"); err != nil {
				return err
			}
		}
	case MailFaultGarbage:
		_, _ = c.conn.Write([]byte("\x00\xff\x16\x03\x01HTTP/1.1 400 Bad Request\r\n\r\n"))
		return errMailEnd
	case MailFaultNoService:
		_ = c.say(554, "5.3.2 no SMTP service here")
		return errMailEnd
	}
	return c.say(220, c.s.opts.Name+" ESMTP")
}

// hang waits for the other side to give up, or for the network to close.
func (c *mailSession) hang() {
	_ = c.conn.SetReadDeadline(time.Now().Add(mailIdle))
	_, _ = io.Copy(io.Discard, c.conn)
}

func (c *mailSession) line() (string, error) {
	if err := c.conn.SetDeadline(time.Now().Add(mailIdle)); err != nil {
		return "", err
	}
	b, err := c.r.ReadSlice('\n')
	if err != nil {
		return "", err
	}
	return strings.TrimRight(string(b), "\r\n"), nil
}

func (c *mailSession) say(code int, lines ...string) error {
	var b strings.Builder
	for i, text := range lines {
		sep := "-"
		if i == len(lines)-1 {
			sep = " "
		}
		fmt.Fprintf(&b, "%d%s%s\r\n", code, sep, text)
	}
	_, err := io.WriteString(c.conn, b.String())
	return err
}

func (c *mailSession) reset() { c.from, c.to = nil, nil }

func (c *mailSession) command(line string) error {
	verb, arg, _ := strings.Cut(line, " ")
	arg = strings.TrimSpace(arg)
	switch strings.ToUpper(verb) {
	case "EHLO", "HELO":
		return c.hello(strings.EqualFold(verb, "EHLO"), arg)
	case "STARTTLS":
		return c.startTLS(arg)
	case "AUTH":
		return c.auth(arg)
	case "MAIL":
		return c.mail(arg)
	case "RCPT":
		return c.rcpt(arg)
	case "DATA":
		return c.data(arg)
	case "RSET":
		c.reset()
		return c.say(250, "2.0.0 OK")
	case "NOOP":
		return c.say(250, "2.0.0 OK")
	case "VRFY":
		return c.say(252, "2.5.0 send some mail and see")
	case "QUIT":
		_ = c.say(221, "2.0.0 bye")
		return errMailEnd
	}
	return c.say(500, "5.5.1 unknown command")
}

func (c *mailSession) hello(extended bool, name string) error {
	if name == "" {
		return c.say(501, "5.5.4 say who you are")
	}
	c.reset()
	c.helo = name
	if !extended {
		return c.say(250, c.s.opts.Name)
	}
	lines := []string{c.s.opts.Name, "PIPELINING", fmt.Sprintf("SIZE %d", maxMailBytes), "8BITMIME", "ENHANCEDSTATUSCODES"}
	if !c.secure && !c.s.opts.NoSTARTTLS {
		lines = append(lines, "STARTTLS")
	}
	if c.s.opts.User != "" && (c.secure || c.s.opts.NoSTARTTLS) {
		lines = append(lines, "AUTH PLAIN LOGIN")
	}
	return c.say(250, lines...)
}

func (c *mailSession) startTLS(arg string) error {
	switch {
	case c.secure || c.s.opts.NoSTARTTLS:
		return c.say(503, "5.5.1 not now")
	case arg != "":
		return c.say(501, "5.5.4 no parameters")
	}
	if err := c.say(220, "2.0.0 go ahead"); err != nil {
		return err
	}
	if c.fault == MailFaultBadTLS {
		return nil
	}
	// What came in plain text is not part of the new session (RFC 3207
	// section 4.2).
	tc := tls.Server(c.conn, &tls.Config{Certificates: []tls.Certificate{*c.s.cert}})
	if err := tc.HandshakeContext(c.s.net.ctx); err != nil {
		return err
	}
	c.conn, c.secure, c.helo = tc, true, ""
	c.r = bufio.NewReaderSize(tc, maxMailLine)
	c.reset()
	return nil
}

func (c *mailSession) auth(arg string) error {
	mech, first, _ := strings.Cut(arg, " ")
	switch {
	case c.helo == "" || c.user != "" || c.from != nil:
		return c.say(503, "5.5.1 not now")
	case c.s.opts.User == "" || !c.secure && !c.s.opts.NoSTARTTLS:
		return c.say(538, "5.7.11 not without encryption")
	}
	var user, password string
	switch strings.ToUpper(mech) {
	case "PLAIN":
		text, err := c.decode(first, "")
		if err != nil {
			return err
		}
		parts := strings.Split(text, "\x00")
		if len(parts) != 3 {
			return c.say(501, "5.5.2 not a PLAIN response")
		}
		user, password = parts[1], parts[2]
	case "LOGIN":
		var err error
		if user, err = c.decode(first, "Username:"); err != nil {
			return err
		}
		if password, err = c.decode("", "Password:"); err != nil {
			return err
		}
	default:
		return c.say(504, "5.5.4 unknown mechanism")
	}
	if subtle.ConstantTimeCompare([]byte(user+"\x00"+password), []byte(c.s.opts.User+"\x00"+c.s.opts.Password)) != 1 {
		return c.say(535, "5.7.8 the credentials are wrong")
	}
	c.user = user
	return c.say(235, "2.7.0 welcome")
}

// decode reads a base64 response, asking for it if it did not come along.
func (c *mailSession) decode(text, challenge string) (string, error) {
	if text == "" {
		if err := c.say(334, base64.StdEncoding.EncodeToString([]byte(challenge))); err != nil {
			return "", err
		}
		var err error
		if text, err = c.line(); err != nil {
			return "", err
		}
	}
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		_ = c.say(501, "5.5.2 not base64")
		return "", errMailEnd
	}
	return string(b), nil
}

// path reads "FROM:<a@b> PARAMETERS" after its keyword.
func path(arg, keyword string) (string, bool) {
	if len(arg) < len(keyword) || !strings.EqualFold(arg[:len(keyword)], keyword) {
		return "", false
	}
	rest := strings.TrimSpace(arg[len(keyword):])
	if !strings.HasPrefix(rest, "<") {
		return "", false
	}
	address, _, ok := strings.Cut(rest[1:], ">")
	return address, ok
}

func (c *mailSession) mail(arg string) error {
	from, ok := path(arg, "FROM:")
	switch {
	case c.helo == "":
		return c.say(503, "5.5.1 say hello first")
	case c.s.opts.User != "" && c.user == "":
		return c.say(530, "5.7.0 sign in first")
	case c.from != nil:
		return c.say(503, "5.5.1 a mail is under way")
	case !ok:
		return c.say(501, "5.1.7 not an address")
	case c.fault == MailFaultRejectSender:
		return c.say(550, "5.7.1 you may not send from here")
	}
	c.from = &from
	return c.say(250, "2.1.0 OK")
}

func (c *mailSession) rcpt(arg string) error {
	to, ok := path(arg, "TO:")
	switch {
	case c.from == nil:
		return c.say(503, "5.5.1 MAIL first")
	case !ok || !strings.Contains(to, "@"):
		return c.say(501, "5.1.3 not an address")
	case len(c.to) >= maxMailRcpts:
		return c.say(452, "4.5.3 too many recipients")
	}
	switch c.fault {
	case MailFaultRejectRcpt:
		return c.say(550, "5.1.1 no such user here")
	case MailFaultGreylist:
		return c.say(451, "4.7.1 greylisted, try again in 300 seconds")
	case MailFaultFull:
		return c.say(452, "4.2.2 the mailbox is full")
	case MailFaultControls:
		return c.say(550, Controls)
	case MailFaultLongText:
		return c.say(550, "5.1.1 "+strings.Repeat("no such user ", 300))
	}
	if rule, ok := c.s.rule(to); ok && rule.code >= 400 {
		return c.say(rule.code, rule.text)
	}
	c.to = append(c.to, to)
	return c.say(250, "2.1.5 OK")
}

func (c *mailSession) data(arg string) error {
	switch {
	case arg != "":
		return c.say(501, "5.5.4 no parameters")
	case len(c.to) == 0:
		return c.say(503, "5.5.1 RCPT first")
	}
	if err := c.say(354, "go on, end with a dot"); err != nil {
		return err
	}
	var b strings.Builder
	for {
		line, err := c.line()
		if err != nil {
			return err
		}
		if line == "." {
			break
		}
		if b.Len()+len(line) > maxMailBytes {
			_ = c.say(552, "5.3.4 too large")
			return errMailEnd
		}
		b.WriteString(strings.TrimPrefix(line, "."))
		b.WriteString("\r\n")
	}
	switch c.fault {
	case MailFaultRejectData:
		c.reset()
		return c.say(554, "5.7.1 this looks like spam")
	case MailFaultDelayData:
		c.reset()
		return c.say(451, "4.3.0 try again later")
	case MailFaultCloseAfterData:
		return errMailEnd
	case MailFaultStallData:
		c.hang()
		return errMailEnd
	}
	c.s.keep(Mail{Time: time.Now(), From: *c.from, To: c.to, Data: b.String(), TLS: c.secure, User: c.user, Helo: c.helo})
	c.reset()
	err := c.say(250, "2.0.0 taken")
	if c.fault == MailFaultCloseAfterSent {
		return errMailEnd
	}
	return err
}
