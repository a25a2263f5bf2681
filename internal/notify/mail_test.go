package notify

import (
	"context"
	"errors"
	"flag"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zonehold/zonehold/probe"
	"github.com/zonehold/zonehold/testnet"
)

var update = flag.Bool("update", false, "write golden files")

func network(t *testing.T) *testnet.Network {
	t.Helper()
	n, err := testnet.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	return n
}

func mailer(t *testing.T, n *testnet.Network, url string) *Mail {
	t.Helper()
	relay, err := ParseRelay(url)
	if err != nil {
		t.Fatal(err)
	}
	m, err := NewMail(relay, "zonehold@shop.example", probe.NewConfigured(relay.Endpoint()).DialContext)
	if err != nil {
		t.Fatal(err)
	}
	m.roots = n.CertPool()
	return m
}

const letter = "Grüße,\n.\nFrom: nobody\n\na line that is much longer than the seventy-six characters that a line of a mail should have\n"

func TestSendEveryWay(t *testing.T) {
	n := network(t)
	for name, o := range map[string]testnet.MailOptions{
		"starttls":         {},
		"starttls, signed": {User: "us:er", Password: "p@ss/wörd"},
		"tls":              {TLS: true, User: "user", Password: "password"},
		"plain":            {NoSTARTTLS: true},
		"plain, signed":    {NoSTARTTLS: true, User: "user", Password: "password"},
	} {
		t.Run(name, func(t *testing.T) {
			s := n.MailServer(o)
			m := mailer(t, n, s.URL())
			if err := m.Send(t.Context(), "Admin+x@Example.COM", "Gruß", letter); err != nil {
				t.Fatal(err)
			}
			mails := s.Mails()
			if len(mails) != 1 {
				t.Fatalf("%d mails", len(mails))
			}
			got := mails[0]
			if got.From != "zonehold@shop.example" || len(got.To) != 1 || got.To[0] != "Admin+x@example.com" || got.User != o.User ||
				got.TLS == o.NoSTARTTLS || got.Helo != "shop.example" || got.Text() != letter || got.Header("Subject") != "Gruß" {
				t.Errorf("mail %+v\ntext %q", got, got.Text())
			}
		})
	}
}

// The whole mail, but for what is new each time.
func TestMailGolden(t *testing.T) {
	n := network(t)
	s := n.MailServer(testnet.MailOptions{})
	if err := mailer(t, n, s.URL()).Send(t.Context(), "admin@example.com", "Code for example.com\r\nBcc: x@example.net", letter); err != nil {
		t.Fatal(err)
	}
	got := s.Mails()[0].Data
	for _, r := range []struct{ find, put string }{
		{`(?m)^Date: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4}\r$`, "Date: (now)\r"},
		{`(?m)^Message-ID: <mail_[0-9a-v]{26}@shop.example>\r$`, "Message-ID: (new)\r"},
	} {
		if re := regexp.MustCompile(r.find); !re.MatchString(got) {
			t.Errorf("no %s in\n%s", r.find, got)
		} else {
			got = re.ReplaceAllString(got, r.put)
		}
	}
	file := filepath.Join("testdata", "mail.txt")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("mail differs (run with -update):\n%s", diff)
	}
}

func TestSendFails(t *testing.T) {
	n := network(t)
	s := n.MailServer(testnet.MailOptions{})
	for _, tt := range []struct {
		name  string
		fault testnet.MailFault
		kind  error
		reply string
	}{
		{"refused", testnet.MailFaultRejectRcpt, ErrRefused, "550 5.1.1 no such user here"},
		{"greylisted", testnet.MailFaultGreylist, ErrDelayed, "451 4.7.1 greylisted, try again in 300 seconds"},
		{"full", testnet.MailFaultFull, ErrDelayed, "452 4.2.2 the mailbox is full"},
		{"spam", testnet.MailFaultRejectData, ErrRefused, "554 5.7.1 this looks like spam"},
		{"later", testnet.MailFaultDelayData, ErrDelayed, "451 4.3.0 try again later"},
		{"closed after the content", testnet.MailFaultCloseAfterData, ErrDelayed, ""},
		{"sender", testnet.MailFaultRejectSender, ErrUnreachable, "550 5.7.1 you may not send from here"},
		{"no service", testnet.MailFaultNoService, ErrUnreachable, "554 5.3.2 no SMTP service here"},
		{"not SMTP", testnet.MailFaultGarbage, ErrUnreachable, ""},
		{"huge banner", testnet.MailFaultHugeBanner, ErrUnreachable, ""},
		{"endless reply", testnet.MailFaultEndlessReply, ErrUnreachable, ""},
		{"plain text after STARTTLS", testnet.MailFaultBadTLS, ErrUnreachable, ""},
		{"controls", testnet.MailFaultControls, ErrRefused, "550 5.1.1 no [31muser [0m tset <script>alert(1)</script> end"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s.Fault(tt.fault, 1)
			err := mailer(t, n, s.URL()).Send(t.Context(), "admin@example.com", "s", "t")
			var e *Error
			if !errors.Is(err, tt.kind) || !errors.As(err, &e) || e.Reply() != tt.reply {
				t.Errorf("error %v, reply %q; want %v, %q", err, e.Reply(), tt.kind, tt.reply)
			}
			for _, r := range e.Text {
				if r < ' ' || r > '~' {
					t.Errorf("the text holds %q", r)
				}
			}
		})
	}
	s.Fault(testnet.MailFaultLongText, 1)
	var e *Error
	if err := mailer(t, n, s.URL()).Send(t.Context(), "admin@example.com", "s", "t"); !errors.As(err, &e) || len(e.Text) > maxSaid {
		t.Errorf("a long reply: %v", err)
	}
	if len(s.Mails()) != 0 {
		t.Errorf("%d mails were taken", len(s.Mails()))
	}
	s.Fault(testnet.MailFaultCloseAfterSent, 1)
	if err := mailer(t, n, s.URL()).Send(t.Context(), "admin@example.com", "s", "t"); err != nil || len(s.Mails()) != 1 {
		t.Errorf("taken, and closed before QUIT: %v, %d mails", err, len(s.Mails()))
	}
}

func TestSendNeverUnencrypted(t *testing.T) {
	n := network(t)
	s := n.MailServer(testnet.MailOptions{NoSTARTTLS: true})
	// A name that is not loopback, which dial leads there all the same.
	relay, err := ParseRelay("smtp://user:hunter2@mail.shop.example:25")
	if err != nil {
		t.Fatal(err)
	}
	m, err := NewMail(relay, "zonehold@shop.example", func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, s.Addr().String())
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Send(t.Context(), "admin@example.com", "s", "t"); !errors.Is(err, ErrUnreachable) || len(s.Mails()) != 0 {
		t.Errorf("without STARTTLS: %v, %d mails", err, len(s.Mails()))
	} else if strings.Contains(err.Error(), "hunter2") {
		t.Errorf("the error holds the password: %v", err)
	}
	bad := n.MailServer(testnet.MailOptions{BadCertificate: true})
	if err := mailer(t, n, bad.URL()).Send(t.Context(), "admin@example.com", "s", "t"); !errors.Is(err, ErrUnreachable) || len(bad.Mails()) != 0 {
		t.Errorf("a certificate of nobody: %v", err)
	}
	signed := n.MailServer(testnet.MailOptions{User: "user", Password: "right"})
	if err := mailer(t, n, strings.Replace(signed.URL(), "right", "hunter2", 1)).Send(t.Context(), "admin@example.com", "s", "t"); !errors.Is(err, ErrUnreachable) ||
		strings.Contains(err.Error(), "hunter2") {
		t.Errorf("a wrong password: %v", err)
	}
}

func TestSendEndsInTime(t *testing.T) {
	n := network(t)
	s := n.MailServer(testnet.MailOptions{})
	for _, fault := range []testnet.MailFault{testnet.MailFaultStall, testnet.MailFaultStallData} {
		s.Fault(fault, 1)
		m := mailer(t, n, s.URL())
		m.limit = 300 * time.Millisecond
		began := time.Now()
		err := m.Send(t.Context(), "admin@example.com", "s", "t")
		if err == nil || time.Since(began) > 10*time.Second || !strings.Contains(err.Error(), "no answer in time") {
			t.Errorf("fault %d: %v after %v", fault, err, time.Since(began))
		}
		s.Fault(fault, 1)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(100*time.Millisecond, cancel)
		m.limit = sendLimit
		if err := m.Send(ctx, "admin@example.com", "s", "t"); err == nil || time.Since(began) > 10*time.Second {
			t.Errorf("fault %d, canceled: %v after %v", fault, err, time.Since(began))
		}
	}
	gone := n.MailServer(testnet.MailOptions{})
	m := mailer(t, n, gone.URL())
	n.Close()
	if err := m.Send(t.Context(), "admin@example.com", "s", "t"); !errors.Is(err, ErrUnreachable) {
		t.Errorf("nobody listens: %v", err)
	}
}

func TestSendRefusesAddresses(t *testing.T) {
	n := network(t)
	s := n.MailServer(testnet.MailOptions{})
	m := mailer(t, n, s.URL())
	for _, to := range []string{"", "admin", "a@b.example\r\nRCPT TO:<c@d.example>", "a@b.example>\r\nDATA", `"a b"@c.example`, "A <a@b.example>", "a@[127.0.0.1]"} {
		if err := m.Send(t.Context(), to, "s", "t"); !errors.Is(err, ErrRefused) {
			t.Errorf("to %q: %v", to, err)
		}
	}
	if s.Connections() != 0 {
		t.Error("somebody was asked")
	}
	if _, err := NewMail(Relay{}, "a b@c.example", nil); err == nil {
		t.Error("a sender with a blank")
	}
}

func TestParseRelay(t *testing.T) {
	good := map[string]Relay{
		"smtp://mail.example":                         {Host: "mail.example", Port: 587},
		"smtp://u%40x:p%2Fw@mail.example:25/":         {Host: "mail.example", Port: 25, User: "u@x", Password: "p/w"},
		"smtps://u:p@mail.example":                    {Host: "mail.example", Port: 465, User: "u", Password: "p", TLS: true},
		"smtp://127.0.0.1:25?starttls=never":          {Host: "127.0.0.1", Port: 25, Plain: true},
		"smtp://u:p@[::1]:25?starttls=never":          {Host: "::1", Port: 25, User: "u", Password: "p", Plain: true},
		"smtp://localhost:2525?starttls=never":        {Host: "localhost", Port: 2525, Plain: true},
		"smtp://[::ffff:127.0.0.1]:25?starttls=never": {Host: "::ffff:127.0.0.1", Port: 25, Plain: true},
	}
	for raw, want := range good {
		got, err := ParseRelay(raw)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", raw, err, diff)
		}
	}
	for _, raw := range []string{
		"", "mail.example:25", "http://mail.example", "smtp://", "smtp://u:hunter2@h/path", "smtp://u@h", "smtp://:hunter2@h",
		"smtp://u:hunter2@h:0", "smtp://u:hunter2@h:99999", "smtp://u:hunter2@h?starttls=never", "smtp://u:hunter2@10.0.0.1?starttls=never",
		"smtps://u:hunter2@localhost?starttls=never", "smtp://u:hunter2@localhost?starttls=maybe", "smtp://u:hunter2@localhost?x=y", "smtp://u:hunter2@h#f", "smtp://u:hunter2@h:x",
	} {
		if r, err := ParseRelay(raw); err == nil {
			t.Errorf("%q is taken as %+v", raw, r)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the error for %q holds the password", raw)
		}
	}
	if e := (Relay{Host: "::1", Port: 25}).Endpoint(); e != "[::1]:25" {
		t.Errorf("endpoint %s", e)
	}
}
