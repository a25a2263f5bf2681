package attacktest

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/api"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/testnet"
)

// T37, T39: what an address says of a domain: nothing of the domains that
// anybody can have an address in, and nothing of any other name.
func TestT37SharedDomains(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, setting{})
		for i, host := range []string{"gmail.com", "googlemail.com", "outlook.com", "live.fi", "hotmail.co.uk", "yandex.ru", "mail.ru", "aliyun.com", "qq.com", "gmx.de", "web.de", "icloud.com", "proton.me", "protonmail.com", "mailinator.com", "guerrillamail.com", "10minutemail.com", "github.io"} {
			who := w.person(fmt.Sprintf("shared%d", i), "x@"+host)
			d, _, err := who.CreateDomain(t.Context(), api.CreateDomain{Hostname: host})
			if err != nil {
				continue // no name that can be claimed
			}
			if d.Verified {
				t.Errorf("%s verified by %s", host, deref(d.Method))
			}
			who.refuses(host, "email", "mail_domain_shared")
			// Nor by a code to one of its fixed mailboxes, which a customer may
			// have got.
			w.Net.Zone(host).Add("@", "MX", "10 mx."+host+".")
			_, err = who.SendMailCode(t.Context(), host, "admin")
			if e := fails(t, host, err, 422); e.Code != "mail_domain_shared" && (e.Problem == nil || e.Problem.Code != "mail_domain_shared") {
				t.Errorf("%s: %+v", host, e)
			}
			if n := len(w.mail.MailsTo("admin@" + host)); n > 0 {
				t.Errorf("%d mails to admin@%s", n, host)
			}
		}
		// A tenant: an address below somebody's registrable name, or in it.
		tenant := w.person("tenant", "anna@customer.mailhost.com")
		for _, host := range []string{"customer.mailhost.com", "mailhost.com", "x.customer.mailhost.com", "com.mailhost.com"} {
			d := tenant.claim(host)
			if d.Verified {
				t.Errorf("%s verified by %s", host, deref(d.Method))
			}
			tenant.refuses(d.ID, "email", "mail_domain_shared", "email_address_missing")
		}
		// T39: the verified name is the claimed one, and only in its own account.
		anna, bob := w.person("anna", "anna@company.com"), w.person("bob", "")
		for _, host := range []string{"victim.com", "www.company.com", "xcompany.com", "company.com.evil.net", "company.net"} {
			if d := anna.claim(host); d.Verified {
				t.Errorf("%s verified by %s", host, deref(d.Method))
			}
			anna.refuses(host, "email", "email_address_missing", "mail_domain_shared")
		}
		if d := anna.claim("company.com"); !d.Verified || deref(d.Covers) != "host" || deref(d.ProofSource) != "anna@company.com" {
			t.Errorf("%+v", d)
		}
		if d := bob.claim("company.com"); d.Verified {
			t.Error("anna's address helps bob")
		}
		if _, err := bob.AddMailbox(t.Context(), "anna@company.com"); err != nil {
			t.Fatal(err)
		}
		bob.refuses("company.com", "email", "mail_address_unconfirmed")
		// Too many strangers have addresses in it, and the first of them loses
		// what the company of the others makes doubtful.
		for i := range 3 {
			w.person(fmt.Sprintf("co%d", i), fmt.Sprintf("p%d@company.com", i))
		}
		anna.refuses("company.com", "email", "mail_domain_shared")
		if d := anna.now("company.com"); d.Verified {
			t.Errorf("%s with four strangers in the domain", d.State)
		}
	})
}

// T38: only what is read in one of the five mailboxes comes back, by POST, by
// the account that asked, for the claim it was asked for, once, in time.
func TestT38Codes(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, setting{})
		anna, mallory := w.person("anna", ""), w.person("mallory", "")
		send := func(who *account, host, box string) string {
			t.Helper()
			if _, err := who.SendMailCode(t.Context(), host, box); err != nil {
				t.Fatal(err)
			}
			return w.mailedCode(box + "@" + host)
		}
		wrong := func(what string, who *account, ref, code string, want ...string) {
			t.Helper()
			_, err := who.ConfirmMailCode(t.Context(), ref, code)
			if e := fails(t, what, err, 422); e.Problem == nil || !strings.Contains(strings.Join(append(want, "mail_code_wrong mail_code_expired"), " "), e.Problem.Code) {
				t.Errorf("%s: %+v", what, e)
			}
			if d := who.now(ref); d.Verified {
				t.Errorf("%s: verified", what)
			}
		}
		hosts := []string{"one.com", "two.com", "three.com"}
		for _, h := range hosts {
			w.Net.Zone(h).Add("@", "MX", "10 mx."+h+".")
			anna.claim(h)
			mallory.claim(h)
		}
		for _, box := range []string{"info", "support", "root", "abuse", "admin@victim.com", "admin@one.com@victim.com", "admin\r\nRCPT TO:<x@evil.net>", "admin,root", "Admin ", "ADMIN@two.com", "", "admin%00"} {
			status, _, b := mallory.send("POST", "/v1/domains/one.com/mail-code", []byte(fmt.Sprintf(`{"mailbox":%q}`, box)))
			if status < 400 || status >= 500 {
				t.Errorf("mailbox %q: %d %s", box, status, b)
			}
		}
		if n := len(w.mail.Mails()); n != 0 {
			t.Errorf("%d mails", n)
		}
		code := send(anna, "one.com", "admin")
		// Programs that follow links.
		for _, method := range []string{"GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"} {
			for _, path := range []string{
				"/v1/domains/one.com/mail-code/confirm?code=" + code, "/v1/domains/one.com/mail-code?code=" + code,
				"/v1/mailboxes/admin@one.com/confirm?code=" + code, "/v1/domains/one.com/mail-code/confirm",
			} {
				status, _, b := anna.send(method, path, nil)
				if status < 400 {
					if method != "OPTIONS" {
						t.Errorf("%s %s: %d %s", method, path, status, b)
					}
				}
			}
		}
		for _, body := range []string{"code=" + code, `{"code":["` + code + `"]}`, `{"code":{"$ne":""}}`, `{"Code":"` + code + `"}`, `{}`} {
			if status, _, b := anna.send("POST", "/v1/domains/one.com/mail-code/confirm?_method=GET", []byte(body), "X-HTTP-Method-Override: POST"); status < 400 {
				t.Errorf("%s: %d %s", body, status, b)
			}
		}
		anna.is("one.com", "pending")
		// Others, and other claims of the same account.
		wrong("another account", mallory, "one.com", code)
		wrong("another domain", anna, "two.com", code)
		if status, _, _ := mallory.send("POST", "/v1/domains/"+anna.now("one.com").ID+"/mail-code/confirm", []byte(`{"code":"`+code+`"}`)); status != 404 {
			t.Errorf("somebody else's claim: %d", status)
		}
		// Another generation of the claim: given up and claimed anew.
		if err := anna.DeleteDomain(t.Context(), "one.com"); err != nil {
			t.Fatal(err)
		}
		anna.claim("one.com")
		wrong("a code of the claim before", anna, "one.com", code)
		// The port has changed since.
		code = send(anna, "two.com", "webmaster")
		port := 8443
		if _, err := anna.UpdateDomain(t.Context(), "two.com", api.DomainPatch{Port: &port}); err != nil {
			t.Fatal(err)
		}
		wrong("a code of the old port", anna, "two.com", code)
		// The code before the last one.
		old := send(anna, "three.com", "hostmaster")
		code = send(anna, "three.com", "hostmaster")
		if old != code {
			wrong("the code before the last one", anna, "three.com", old)
		}
		// Guessing: five tries in all, and then the right one is dead too.
		for _, guess := range []string{"00000-00000", "AAAAA-AAAAA", strings.Repeat("0", 9), "ZZZZZ-ZZZZZ", "11111-11111", "22222-22222"} {
			wrong("a guess", anna, "three.com", guess)
		}
		wrong("the right one after too many guesses", anna, "three.com", code)
		anna.refuses("three.com", "email", "email_address_missing")
		// A fresh one works, once.
		code = send(anna, "three.com", "postmaster")
		if at, err := anna.ConfirmMailCode(t.Context(), "three.com", strings.ToLower(" "+code+" ")); err != nil || deref(at.Outcome) != "verified" {
			t.Fatalf("%+v %v", at, err)
		}
		d := anna.is("three.com", "verified")
		if deref(d.Covers) != "host" || deref(d.Assurance) != "mailbox" {
			t.Errorf("worth %s for the %s", deref(d.Assurance), deref(d.Covers))
		}
		_, err := anna.ConfirmMailCode(t.Context(), "three.com", code)
		fails(t, "the same code again", err, 422)
		if c := anna.claim("www.three.com"); c.Verified {
			t.Error("a mailed code covers a child")
		}
		// Claimed anew, the code that was brought back counts no more.
		if err := anna.DeleteDomain(t.Context(), "three.com"); err != nil {
			t.Fatal(err)
		}
		if d := anna.claim("three.com"); d.Verified {
			t.Error("a new claim is verified by the code of the old one")
		}
		wrong("the used code for a new claim", anna, "three.com", code)
		anna.refuses("three.com", "email", "email_address_missing")
		// No code is in the log, an event, or a reply.
		for _, m := range w.mail.Mails() {
			c := codeLine.FindStringSubmatch(m.Text())
			if c == nil {
				t.Fatalf("no code in %s", m.Text())
			}
			for where, text := range map[string]string{"the log": w.log.String(), "the events": replyOf(anna, "/v1/events?limit=500"), "a reply": replyOf(anna, "/v1/domains/three.com/attempts")} {
				if strings.Contains(text, c[1]) || strings.Contains(text, strings.ReplaceAll(c[1], "-", "")) {
					t.Errorf("%s holds the code %s", where, c[1])
				}
			}
		}
	})
}

func replyOf(a *account, path string) string {
	_, _, b := a.send("GET", path, nil)
	return string(b)
}

// T38: codes that confirm an address.
func TestT38Mailboxes(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, setting{})
		anna, mallory := w.person("anna", ""), w.person("mallory", "")
		const address = "anna@company.com"
		for _, who := range []*account{anna, mallory} {
			if _, err := who.AddMailbox(t.Context(), address); err != nil {
				t.Fatal(err)
			}
			who.claim("company.com")
		}
		mallorys := w.mailedCode(address) // read by anna, in her mailbox
		if _, err := anna.AddMailbox(t.Context(), address); err != nil {
			t.Fatal(err)
		}
		annas := w.mailedCode(address)
		_, err := mallory.ConfirmMailbox(t.Context(), address, annas)
		fails(t, "the code of another account", err, 422)
		_, err = anna.ConfirmMailbox(t.Context(), address, mallorys)
		fails(t, "the code that somebody else had sent", err, 422)
		_, err = mallory.ConfirmMailbox(t.Context(), "other@company.com", annas)
		fails(t, "an address of nobody", err, 404)
		for _, method := range []string{"GET", "HEAD", "OPTIONS", "PUT", "DELETE"} {
			status, _, b := anna.send(method, "/v1/mailboxes/"+address+"/confirm?code="+annas, nil)
			if status < 400 && method != "OPTIONS" {
				t.Errorf("%s: %d %s", method, status, b)
			}
		}
		for _, who := range []*account{anna, mallory} {
			who.refuses("company.com", "email", "mail_address_unconfirmed")
		}
		if _, err := anna.ConfirmMailbox(t.Context(), strings.ToUpper(address), annas); err != nil {
			t.Fatal(err)
		}
		anna.becomes("company.com", "verified")
		mallory.is("company.com", "pending")
		// Removed only by force while a proof rests on it, and then the proof
		// ends with it; added again it has to be confirmed again.
		err = anna.RemoveMailbox(t.Context(), address, false)
		fails(t, "removed while in use", err, 409)
		anna.is("company.com", "verified")
		if err := anna.RemoveMailbox(t.Context(), address, true); err != nil {
			t.Fatal(err)
		}
		anna.is("company.com", "lapsed")
		_, err = anna.ConfirmMailbox(t.Context(), address, annas)
		fails(t, "a used code of a removed address", err, 404, 422)
		if _, err := anna.AddMailbox(t.Context(), address); err != nil {
			t.Fatal(err)
		}
		_, err = anna.ConfirmMailbox(t.Context(), address, annas)
		fails(t, "a used code", err, 422)
		anna.refuses("company.com", "email", "mail_address_unconfirmed", "email_address_missing")
		// Other people's addresses.
		for _, path := range []string{"/v1/mailboxes/" + address, "/v1/mailboxes/" + url.PathEscape(address) + "?force=true"} {
			if status, _, _ := w.person("p"+fmt.Sprint(len(path)), "").send("DELETE", path, nil); status != 404 {
				t.Errorf("DELETE %s by a stranger: %d", path, status)
			}
		}
	})
}

// T12, T38: nobody can be buried in mail by us.
func TestT38MailBombing(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, setting{})
		// One victim, many accounts; the ways to write the address are one.
		for i := range 12 {
			who := w.person(fmt.Sprintf("a%d", i), "")
			for _, address := range []string{"victim@company.com", "VICTIM@company.com", "victim@COMPANY.com", "Victim@company.com"} {
				_, err := who.AddMailbox(t.Context(), address)
				if err != nil {
					fails(t, address, err, 429)
				}
			}
		}
		if n := len(w.mail.Mails()); n > 5 {
			t.Errorf("%d mails to one victim", n)
		}
		// One account, many victims; failures count as well.
		who := w.person("spammer", "")
		before := len(w.mail.Mails())
		for i := range 30 {
			address := fmt.Sprintf("v%d@d%d.com", i, i)
			if i%3 == 0 {
				w.mail.Answer(address, 550, "no such user")
			}
			if _, err := who.AddMailbox(t.Context(), address); err != nil {
				fails(t, address, err, 429, 422, 409)
			}
		}
		if n := len(w.mail.Mails()) - before; n > 20 {
			t.Errorf("%d mails of one account", n)
		}
		// One domain, many accounts and mailboxes.
		before = len(w.mail.Mails())
		for i := range 10 {
			who := w.person(fmt.Sprintf("b%d", i), "")
			for j := range 5 {
				if _, err := who.AddMailbox(t.Context(), fmt.Sprintf("p%d-%d@target.com", i, j)); err != nil {
					fails(t, "target.com", err, 429)
				}
			}
		}
		if n := len(w.mail.Mails()) - before; n > 30 {
			t.Errorf("%d mails to one domain", n)
		}
	})
}

// Addresses and account names that try to become more than one line, header
// or recipient; servers that lie.
func TestMailInjection(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, setting{})
		anna := w.person("anna", "")
		for _, address := range []string{
			"a@example.com\r\nRCPT TO:<x@evil.net>", "a@example.com\nBcc: x@evil.net", "a@example.com,x@evil.net", "a@example.com x@evil.net", "<a@example.com>", "A <a@example.com>", `"a b"@example.com`, "a@[127.0.0.1]", "a@127.0.0.1",
			"a@localhost", "a@@example.com", "@example.com", "a@", "a\x00@example.com", "a@example.com\x00", "a@example.com>", "a\u202e@example.com", "a@example.com.", "a%evil.net@example.com@evil.net", ".a@example.com", "a..b@example.com",
			strings.Repeat("a", 65) + "@example.com", "a@" + strings.Repeat("a", 64) + ".com", "é@example.com", "a@exa_mple.com", "postmaster", "a@x.invalid\t",
		} {
			_, err := anna.AddMailbox(t.Context(), address)
			fails(t, fmt.Sprintf("%q", address), err, 422, 400)
		}
		if n := len(w.mail.Mails()); n > 0 {
			t.Errorf("%d mails: %+v", n, w.mail.Mails()[0].To)
		}
		// Names of accounts end up in the texts.
		for i, name := range []string{"x\r\nBcc: x@evil.net", "\u202eevil", "a\u2028b", "<img src=x>", "=?utf-8?q?x?=", strings.Repeat("n", 100), "..", "a\n.\nMAIL FROM"} {
			acc, err := w.auth.CreateAccount(t.Context(), name, "", false)
			if err != nil {
				continue
			}
			who := w.signIn(acc, zonehold.ScopeAdmin)
			address := fmt.Sprintf("n%d@names.com", i)
			if _, err := who.AddMailbox(t.Context(), address); err != nil {
				t.Errorf("%q: %v", name, err)
				continue
			}
			mails := w.mail.MailsTo(address)
			if len(mails) != 1 || len(mails[0].To) != 1 || mails[0].Header("Bcc") != "" || unclean(mails[0].Header("Subject"), 300) != "" {
				t.Errorf("%q: %+v", name, mails)
			}
			for _, line := range strings.Split(mails[0].Text(), "\n") {
				if why := unclean(line, 500); why != "" {
					t.Errorf("%q: %s in %q", name, why, line)
				}
			}
		}
		// Servers that refuse, lie and stall: a clear answer, in time, and no
		// address that counts.
		for i, f := range []testnet.MailFault{
			testnet.MailFaultNoService, testnet.MailFaultRejectSender, testnet.MailFaultRejectRcpt, testnet.MailFaultGreylist, testnet.MailFaultFull, testnet.MailFaultRejectData, testnet.MailFaultDelayData,
			testnet.MailFaultCloseAfterData, testnet.MailFaultHugeBanner, testnet.MailFaultEndlessReply, testnet.MailFaultGarbage, testnet.MailFaultControls, testnet.MailFaultLongText,
		} {
			w.mail.Fault(f, 0)
			who := w.person(fmt.Sprintf("f%d", i), "")
			_, err := who.AddMailbox(t.Context(), fmt.Sprintf("x@f%d.com", i))
			e := fails(t, fmt.Sprintf("fault %d", f), err, 422, 503)
			if e.Problem == nil {
				t.Errorf("fault %d: no problem in %+v", f, e)
			} else if why := unclean(deref(e.Problem.Found)+e.Problem.Title, 600); why != "" {
				t.Errorf("fault %d: %s", f, why)
			}
			w.mail.Fault(testnet.MailFaultNone, 0)
			who.claim(fmt.Sprintf("f%d.com", i))
			who.refuses(fmt.Sprintf("f%d.com", i), "email", "mail_address_unconfirmed", "email_address_missing")
		}
	})
}
