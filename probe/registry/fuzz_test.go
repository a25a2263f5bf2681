package registry

import (
	"errors"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/testnet"
)

// sound looks at what holds for every registration, whatever came in.
func sound(t *testing.T, r *Registration, domain string, in []byte) {
	t.Helper()
	if r.Domain != domain || r.RawSize != len(in) || len(r.Raw) > maxRaw {
		t.Errorf("domain %q, %d of %d bytes", r.Domain, len(r.Raw), r.RawSize)
	}
	if len(r.Contacts) > maxEach || len(r.Statuses) > maxEach || len(r.NameServers) > maxEach {
		t.Errorf("%d contacts, %d statuses, %d name servers", len(r.Contacts), len(r.Statuses), len(r.NameServers))
	}
	texts := append([]string{r.Registrar, r.RegistrarServer, r.RedactedBy}, r.Statuses...)
	for _, c := range r.Contacts {
		texts = append(texts, c.Name, c.Organization, c.Privacy)
		if len(c.Roles) == 0 {
			t.Error("a contact without a role")
		}
		if c.Email == "" {
			continue
		}
		local, at, ok := strings.Cut(c.Email, "@")
		host, err := zonehold.ParseHostname(at)
		if !ok || local == "" || err != nil || string(host) != at {
			t.Errorf("address %q", c.Email)
		}
		if !strings.Contains(strings.ToLower(string(in)), strings.ToLower(local)) {
			t.Errorf("address %q is not in the answer", c.Email)
		}
	}
	for _, s := range texts {
		if !utf8.ValidString(s) || utf8.RuneCountInString(s) > maxText+1 || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("text %q", s)
		}
	}
}

func wantKind(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, ErrUnavailable) && !errors.Is(err, ErrNotRegistered) {
		t.Errorf("error %v of no kind", err)
	}
	if len(err.Error()) > 1200 || strings.ContainsFunc(err.Error(), func(r rune) bool { return !unicode.IsPrint(r) }) {
		t.Errorf("error text %q", err)
	}
}

func FuzzParseWHOIS(f *testing.F) {
	for _, s := range []string{
		"Domain Name: EXAMPLE.COM\r\nRegistrant Email: ada@example.com\r\n", "domain: example.com\nadmin-c: A\n\nnic-hdl: A\ne-mail: a@b.com\n",
		"Domain:\nname: example.com\n\nRegistrant:\n  Email: a@b.com\n", "No match", "%\n", "\tDomain name:\n\t\texample.com\n\tTech:\n\t\tEmail: x@y.net",
		"Domain Name: example.com\nDomain Name: example.org\nDomain Name: example.com\n", ":", "::\n:", "domain:\n", "\xff\xfe", "Domain: example.com (x)\nRegistrant\n Email: a@b.com",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		if len(in) > maxWHOIS {
			return
		}
		r, err := parseWHOIS("example.com", in)
		if err != nil {
			wantKind(t, err)
			return
		}
		if !strings.Contains(strings.ToLower(string(in)), "example.com") {
			t.Error("an answer that does not name the domain was read")
		}
		sound(t, r, "example.com", in)
	})
}

func FuzzParseReferral(f *testing.F) {
	f.Add([]byte("refer: whois.example.net\n\ndomain: COM\n"))
	f.Add([]byte("whois: 127.0.0.1:6379\n"))
	f.Add([]byte("domain: NET\n"))
	f.Add([]byte("refer: \nwhois: [::1]\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		host, err := parseReferral("com", in)
		if err != nil || host == "" {
			return
		}
		if strings.ContainsAny(host, " \r\n\t/@[]") || strings.ToLower(host) != host {
			t.Errorf("referral to %q", host)
		}
		if _, ok := serverName(host); !ok {
			t.Errorf("%q is no server name", host)
		}
	})
}

func FuzzDecodeRDAP(f *testing.F) {
	f.Add(owner.RDAP())
	f.Add(testnet.Registration{Domain: "example.com", Registrant: testnet.Person{Redacted: true}, AbuseEmail: "a@b.net"}.RDAP())
	for _, s := range []string{`{"objectClassName":"domain","ldhName":"example.com"}`, `{"objectClassName":"domain","ldhName":"example.com","entities":[{"roles":["technical"],"vcardArray":["vcard",[["email",{},"text","a@b.net"]]]}]}`, `[[`, `{"":`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		r, err := decodeRDAP("example.com", in)
		if err != nil {
			wantKind(t, err)
			return
		}
		sound(t, r, "example.com", in)
	})
}

func FuzzBootstrap(f *testing.F) {
	f.Add(builtin)
	f.Add([]byte(`{"services":[[["com"],["http://127.0.0.1/"]]]}`))
	f.Add([]byte(`{"services":[[[],[]],[]]}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		list, err := parseBootstrap(in)
		if err != nil {
			return
		}
		for suffix, urls := range list.services {
			if suffix == "" || len(urls) == 0 || len(urls) > maxURLs {
				t.Errorf("%q: %v", suffix, urls)
			}
			for _, u := range urls {
				if u.Scheme != "https" && u.Scheme != "http" || u.User != nil || u.Host == "" {
					t.Errorf("%s", u)
				}
			}
		}
	})
}
