package testnet_test

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/smtp"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"github.com/zonehold/zonehold/testnet"
)

const letter = "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n..dot\r\nna=C3=AFve\r\n"

func mailNetwork(t *testing.T) *testnet.Network {
	t.Helper()
	n, err := testnet.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	return n
}

// The client of the standard library judges how true the server is.
func TestMailServerTakesMail(t *testing.T) {
	n := mailNetwork(t)
	s := n.MailServer(testnet.MailOptions{User: "shop", Password: "pässword"})
	c, err := smtp.Dial(s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if ok, _ := c.Extension("AUTH"); ok {
		t.Error("AUTH is offered in plain text")
	}
	if err := c.Mail("a@shop.example"); err == nil || !strings.HasPrefix(err.Error(), "530 ") {
		t.Errorf("MAIL without signing in: %v", err)
	}
	if err := c.StartTLS(&tls.Config{ServerName: "localhost", RootCAs: n.CertPool()}); err != nil {
		t.Fatal(err)
	}
	if err := c.Auth(smtp.PlainAuth("", "shop", "pässword", s.Addr().Addr().String())); err != nil {
		t.Fatal(err)
	}
	if err := c.Mail("a@shop.example"); err != nil {
		t.Fatal(err)
	}
	s.Answer("No@shop.example", 551, "5.1.6 moved")
	if err := c.Rcpt("no@shop.example"); said(err) != "551 5.1.6 moved" {
		t.Errorf("a rule for one address: %v", err)
	}
	if err := c.Rcpt("admin@shop.example"); err != nil {
		t.Fatal(err)
	}
	w, err := c.Data()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, letter); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := c.Quit(); err != nil {
		t.Error(err)
	}
	mails := s.MailsTo("ADMIN@shop.example")
	if len(mails) != 1 || len(s.Mails()) != 1 || s.Connections() != 1 {
		t.Fatalf("mails %+v", s.Mails())
	}
	m := mails[0]
	if m.From != "a@shop.example" || !m.TLS || m.User != "shop" || m.Helo != "localhost" || m.Data != letter ||
		m.Header("subject") != "Grüße" || m.Text() != "..dot\nnaïve\n" {
		t.Errorf("mail %+v, text %q, subject %q", m, m.Text(), m.Header("Subject"))
	}
}

// said is a reply of the server as it was sent, or any other error.
func said(err error) string {
	var reply *textproto.Error
	if errors.As(err, &reply) {
		return fmt.Sprintf("%d %s", reply.Code, reply.Msg)
	}
	return fmt.Sprint(err)
}

func TestMailServerRefusesTheWrong(t *testing.T) {
	n := mailNetwork(t)
	s := n.MailServer(testnet.MailOptions{User: "shop", Password: "secret", TLS: true})
	dial := func() *smtp.Client {
		t.Helper()
		conn, err := tls.Dial("tcp", s.Addr().String(), &tls.Config{ServerName: "localhost", RootCAs: n.CertPool()})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		c, err := smtp.NewClient(conn, "localhost")
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	c := dial()
	if err := c.Auth(smtp.PlainAuth("", "shop", "wrong", "localhost")); err == nil || !strings.HasPrefix(err.Error(), "535 ") {
		t.Errorf("a wrong password: %v", err)
	}
	raw, err := tls.Dial("tcp", s.Addr().String(), &tls.Config{ServerName: "localhost", RootCAs: n.CertPool()})
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	tp := textproto.NewConn(raw)
	if _, _, err := tp.ReadResponse(220); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		say  string
		want int
	}{
		{"NONSENSE", 500}, {"MAIL FROM:<a@b.example>", 503}, {"RCPT TO:<a@b.example>", 503}, {"DATA", 503}, {"EHLO", 501},
		{"EHLO me", 250}, {"MAIL FROM:<a@b.example>", 530}, {"AUTH SCRAM-SHA-1", 504}, {"STARTTLS", 503}, {"VRFY a", 252}, {"RSET", 250}, {"QUIT", 221},
	} {
		id, err := tp.Cmd("%s", step.say)
		if err != nil {
			t.Fatal(err)
		}
		tp.StartResponse(id)
		code, text, err := tp.ReadResponse(0)
		tp.EndResponse(id)
		if err != nil || code != step.want {
			t.Errorf("%s: %d %s, %v, want %d", step.say, code, text, err, step.want)
		}
	}
	if len(s.Mails()) != 0 {
		t.Error("a mail was taken")
	}
}

func TestMailServerFaults(t *testing.T) {
	n := mailNetwork(t)
	s := n.MailServer(testnet.MailOptions{NoSTARTTLS: true})
	send := func() error {
		return smtp.SendMail(s.Addr().String(), nil, "a@shop.example", []string{"admin@shop.example"}, []byte(letter))
	}
	for fault, want := range map[testnet.MailFault]string{
		testnet.MailFaultNoService: "554 ", testnet.MailFaultRejectSender: "550 5.7.1", testnet.MailFaultRejectRcpt: "550 5.1.1",
		testnet.MailFaultGreylist: "451 4.7.1", testnet.MailFaultFull: "452 ", testnet.MailFaultRejectData: "554 5.7.1",
		testnet.MailFaultDelayData: "451 4.3.0", testnet.MailFaultCloseAfterData: "EOF", testnet.MailFaultControls: "550 5.1.1 no \x1b[31m",
		testnet.MailFaultLongText: "550 5.1.1 no such user no such user", testnet.MailFaultGarbage: "",
	} {
		s.Fault(fault, 1)
		if err := send(); err == nil || !strings.Contains(said(err), want) {
			t.Errorf("fault %d: %.200q, want %q", fault, said(err), want)
		}
	}
	if err := send(); err != nil || len(s.Mails()) != 1 {
		t.Errorf("after the faults: %v, %d mails", err, len(s.Mails()))
	}
	s.Fault(testnet.MailFaultCloseAfterSent, 1)
	if err := send(); err == nil || len(s.Mails()) != 2 {
		t.Errorf("closing after the mail: %v, %d mails", err, len(s.Mails()))
	}

	s.Fault(testnet.MailFaultHugeBanner, 1)
	conn, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if n, err := io.Copy(io.Discard, conn); n != 10<<20 || err != nil {
		t.Errorf("huge banner of %d bytes, %v", n, err)
	}
	for _, fault := range []testnet.MailFault{testnet.MailFaultStall, testnet.MailFaultStallData, testnet.MailFaultEndlessReply} {
		s.Fault(fault, 1)
		conn, err := net.Dial("tcp", s.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if fault == testnet.MailFaultStallData {
			io.WriteString(conn, "HELO me\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<a@b.example>\r\nDATA\r\n.\r\n")
		}
		conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		r := bufio.NewReader(conn)
		var last string
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				var timeout net.Error
				if fault != testnet.MailFaultEndlessReply && (!errors.As(err, &timeout) || !timeout.Timeout()) {
					t.Errorf("fault %d: %v", fault, err)
				}
				break
			}
			last = line
		}
		if want := map[testnet.MailFault]string{testnet.MailFaultStallData: "354", testnet.MailFaultEndlessReply: "220-"}[fault]; !strings.HasPrefix(last, want) {
			t.Errorf("fault %d ended with %q", fault, last)
		}
		conn.Close()
	}
}
