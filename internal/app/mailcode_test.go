package app

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
)

var updateGolden = flag.Bool("update", false, "write golden files")

func TestNobodyIsBuriedInMail(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		p := newPost(t, s, Config{})
		ctx := t.Context()
		limited := func(err error) {
			t.Helper()
			if e := wantKind(t, err, KindRateLimited); e.RetryAfter <= 0 || e.RetryAfter > time.Hour {
				t.Errorf("again in %v", e.RetryAfter)
			}
		}
		// One mailbox, all accounts; in a race nobody takes a place too many.
		var wg sync.WaitGroup
		for i := range 8 {
			who := actor(t, s, fmt.Sprint("racer", i))
			d := create(t, p.App, who, "example.com")
			wg.Go(func() {
				if _, err := p.MailCode(ctx, who, d.ID, "admin"); err != nil {
					var e *Error
					if !errors.As(err, &e) || e.Kind != KindRateLimited {
						t.Errorf("racing: %v", err)
					}
				}
			})
		}
		wg.Wait()
		if n := len(p.mail.MailsTo("admin@example.com")); n != codesOfAddress {
			t.Errorf("%d mails to one address", n)
		}
		_, err := p.AddMailbox(ctx, p.who, "ADMIN+anything@example.com")
		limited(err)
		// One account, many addresses.
		before := len(p.mail.Mails())
		for i := range codesOfAccount + 3 {
			_, err := p.AddMailbox(ctx, p.who, fmt.Sprintf("someone%d@gmail.com", i%15))
			if i > codesOfAccount {
				limited(err)
			}
		}
		if n := len(p.mail.Mails()) - before; n > codesOfAccount {
			t.Errorf("%d mails for one account", n)
		}
		// One domain, many accounts and addresses.
		for i := range codesOfDomain {
			who := actor(t, s, fmt.Sprint("many", i))
			if _, err := p.AddMailbox(ctx, who, fmt.Sprintf("m%d@example.com", i)); err != nil {
				limited(err)
			}
		}
		to := 0
		for _, m := range p.mail.Mails() {
			if strings.HasSuffix(m.To[0], "@example.com") {
				to++
			}
		}
		if to != codesOfDomain {
			t.Errorf("%d mails to one domain, want %d", to, codesOfDomain)
		}
	})
}

func TestCodes(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		code := newCode()
		plain, ok := readCode(code)
		if !ok || len(code) != codeLength+1 || seen[code] || strings.ReplaceAll(code, "-", "") != plain {
			t.Fatalf("code %q, %q", code, plain)
		}
		seen[code] = true
	}
	if len(codeAlphabet) != 32 || strings.ContainsAny(codeAlphabet, "ILOU") {
		t.Errorf("alphabet %s", codeAlphabet)
	}
	for typed, want := range map[string]string{
		"oil10-ABCDE": "01110ABCDE", "  ab cd-ef gh-jk \r\n": "ABCDEFGHJK", "abcdefghjku": "", "ABCDEFGHJ": "", "": "", "ABCDE\u00a0FGHJK": "ABCDEFGHJK",
	} {
		got, ok := readCode(typed)
		if ok != (want != "") || ok && got != want {
			t.Errorf("%q is read as %q, %v", typed, got, ok)
		}
	}
}

// The mails say who asks, what for, and what the code gives (threat T49).
func TestCodeMails(t *testing.T) {
	domain := &store.Domain{Domain: zonehold.Domain{Hostname: "example.com"}}
	idn := &store.Domain{Domain: zonehold.Domain{Hostname: "xn--e1afmkfd.xn--p1ai"}}
	hostile := "Evil\r\nBcc: x@example.net\x1b[31m \u202egro.elpmaxe " + strings.Repeat("x", 300)
	for file, m := range map[string]codeMail{
		"domain":  {account: zonehold.Account{Name: "Acme Ltd"}, address: "admin@example.com", domain: domain},
		"idn":     {account: zonehold.Account{Name: "Acme Ltd"}, address: "admin@xn--e1afmkfd.xn--p1ai", domain: idn},
		"hostile": {account: zonehold.Account{Name: hostile}, address: "admin@example.com", domain: domain},
		"mailbox": {account: zonehold.Account{Name: "Acme Ltd"}, address: "anna'o@example.com"},
	} {
		subject, text := codeText(m, "7K3M9-QW2XT")
		got := "Subject: " + subject + "\n\n" + text
		name := filepath.Join("testdata", "mail_"+file+".txt")
		if *updateGolden {
			if err := os.MkdirAll("testdata", 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s (run with -update):\n%s", name, diff)
		}
		if strings.ContainsAny(subject, "\r\n") || strings.ContainsAny(text, "\r\x1b\u202e") || strings.Contains(text, "http") || strings.Contains(text, "\nBcc") {
			t.Errorf("%s holds what it must not:\n%q", name, got)
		}
		if file != "hostile" && slices.ContainsFunc(strings.Split(text, "\n"), func(l string) bool { return len([]rune(l)) > 78 }) {
			t.Errorf("%s has a line that is too long", name)
		}
	}
}

// Codes are counted one request at a time, on all nodes together.
func TestMailCodesAreCountedOneAtATime(t *testing.T) {
	p := newPost(t, storetest.Open(t, storetest.PostgreSQL(t, false)), Config{})
	done := make(chan error, 1)
	err := p.store.InTx(t.Context(), func(tx *store.Tx) error {
		if err := tx.LockMailCodes(t.Context()); err != nil {
			return err
		}
		go func() {
			_, err := p.MailCode(t.Context(), p.who, p.d.ID, "admin")
			done <- err
		}()
		select {
		case err := <-done:
			t.Errorf("a code was counted and mailed beside another one: %v", err)
			done <- nil
		case <-time.After(time.Second):
		}
		return nil
	})
	if err := errors.Join(err, recv(t, done)); err != nil {
		t.Fatal(err)
	}
	if n := len(p.mail.Mails()); n != 1 {
		t.Errorf("%d mails", n)
	}
}
