package registry

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// shown is a registration in a few lines.
func shown(r *Registration) string {
	var b strings.Builder
	for _, c := range r.Contacts {
		fmt.Fprintf(&b, "%s: %s|%s|%s", strings.Join(c.Roles, "+"), c.Name, c.Organization, c.Email)
		if c.Redacted {
			b.WriteString(" redacted")
		}
		if c.Privacy != "" {
			b.WriteString(" privacy")
		}
		b.WriteString("\n")
	}
	if r.Redacted {
		b.WriteString("hidden: " + r.RedactedBy + "\n")
	}
	return b.String()
}

func TestParseWHOIS(t *testing.T) {
	tests := []struct{ name, domain, in, want string }{
		{"gTLD", "example.com", `
Domain Name: EXAMPLE.COM
Registry Domain ID: 1_DOMAIN_COM-X
Registrar: Example Registrar
Registrar Abuse Contact Email: abuse@registrar.example
Registrant Name: Ada
Registrant Organization:
Registrant Street: 1 Road
Registrant Email: ada@example.com
Registrant Fax:
Registrant Fax Ext:
Admin Email: admin@example.com
Tech Email: https://registrar.example/form
Billing Email: pay@example.com
Reseller Email: mallory@evil.net
Email: mallory@evil.net
URL of the ICANN Whois Inaccuracy Complaint Form: https://www.icann.org/wicf/
>>> Last update of whois database: 2026-11-21T00:00:00Z <<<
Tech Email: mallory@evil.net
Registrant Email of the registry is: mallory@evil.net
NOTICE: Registrant Email: mallory@evil.net
`, "registrant: Ada||ada@example.com\nadministrative: ||admin@example.com\ntechnical: || redacted\nbilling: ||pay@example.com\nhidden: https://registrar.example/form\n"},
		{"redacted", "example.com", `
Domain Name: example.com
Registrant Name: REDACTED FOR PRIVACY
Registrant Organization: Example Ltd
Registrant Email: Please query the RDDS service of the Registrar of Record
Admin Email: Not Disclosed - Visit www.example.net for webbased WHOIS
`, "registrant: REDACTED FOR PRIVACY|Example Ltd| redacted\nadministrative: || redacted\nhidden: Not Disclosed - Visit www.example.net for webbased WHOIS\n"},
		{"nothing", "example.com", "   Domain Name: EXAMPLE.COM\r\n   Registrar: X\r\n   Registrar URL: http://x.example\r\n", ""},
		{"indented, with a column of legal text", "example.com", `
   Domain Name: EXAMPLE.COM
   Registrant Email: ada@example.com
>>> Last update <<<
Admin Email: mallory@evil.net
`, "registrant: ||ada@example.com\n"},
		{"objects", "example.at", `
% e-mail: comment@evil.net

domain:         example.at
registrar:      Example Registrar ( https://nic.at/registrar/1 )
registrant:     EL1-NICAT
tech-c:         EH2-NICAT
tech-c:         NOBODY-NICAT
nserver:        ns1.example.at
remarks:        e-mail: mallory@evil.net
                admin-c: EVIL9-NICAT
changed:        20260102 03:04:05
source:         AT-DOM

personname:     Ada Example
organization:   Example Ltd
e-mail:         ada@example.at
nic-hdl:        EL1-NICAT
remarks:        e-mail: mallory@evil.net

personname:     Hostmaster
organization:   Hosting
e-mail:         host@hosting.example
nic-hdl:        EH2-NICAT

personname:     Mallory
e-mail:         mallory@evil.net
nic-hdl:        EVIL9-NICAT
`, "registrant: Ada Example|Example Ltd|ada@example.at\ntechnical: Hostmaster|Hosting|host@hosting.example\n"},
		{"one handle in two roles", "example.com.br", `
domain:      example.com.br
owner:       Example SA
owner-c:     ADEXA
admin-c:     ADEXA
tech-c:      adexa

nic-hdl-br:  ADEXA
person:      Ada Example
e-mail:      ada@example.com.br
`, "registrant: |Example SA|\nregistrant+administrative+technical: Ada Example||ada@example.com.br\n"},
		{"a handle borne twice names nobody", "example.cz", `
domain:       example.cz
registrant:   ADA
admin-c:      ADA

contact:      ADA
e-mail:       ada@example.cz

contact:      ADA
e-mail:       mallory@evil.net
`, ""},
		{"both handles and names called contact", "example.fr", `
domain:                        example.fr
status:                        ACTIVE
holder-c:                      ADA1-FRNIC
admin-c:                       ANO2-FRNIC
tech-c:                        HOST3-FRNIC
registrar:                     HOSTING

registrar:                     HOSTING
e-mail:                        mallory@evil.net

nic-hdl:                       ADA1-FRNIC
type:                          PERSON
contact:                       Ada Example
e-mail:                        ada@example.fr

nic-hdl:                       ANO2-FRNIC
contact:                       Ano Nymous
e-mail:                        x1y2z3@neutral.org
anonymous:                     YES

nic-hdl:                       HOST3-FRNIC
contact:                       Hosting
e-mail:                        tech@hosting.example
`, "registrant: ||ada@example.fr\nadministrative: ||x1y2z3@neutral.org redacted\ntechnical: ||tech@hosting.example\nhidden: anonymous: yes\n"},
		{"contact as the handle", "example.com.ar", `
domain:		example.com.ar
registrant:	2012345678
registrar:	nicar

contact:	2012345678
name:		Ada Example
e-mail:		ada@example.com.ar
registrar:	nicar
`, "registrant: Ada Example||ada@example.com.ar\n"},
		{"an empty line after a heading", "example.sg", `
    Domain Name:		EXAMPLE.SG

    Registrar:		Example Registrar

    Registrant:

        Name:			Example Pte

    Technical Contact:

        Name:			Tech
        Email:			tech@example.sg

    Name Servers:

        ns1.example.sg
`, "registrant: Example Pte||\ntechnical: Tech||tech@example.sg\n"},
		{"in place", "example.ru", `
domain:        EXAMPLE.RU
nserver:       ns1.example.ru.
state:         REGISTERED, DELEGATED, VERIFIED
person:        Ada Example
e-mail:        ada@example.ru
registrar:     EXAMPLE-RU
e-mail:        mallory@evil.net
admin-contact: https://registrar.example/whois
paid-till:     2027-01-02T03:04:05Z
`, "registrant: Ada Example||ada@example.ru\n"},
		{"in place, of the registrar alone", "example.ru", `
domain:        EXAMPLE.RU
registrar:     EXAMPLE-RU
e-mail:        mallory@evil.net

e-mail:        mallory@evil.net
`, ""},
		{"a section that goes on about others", "example.com", `
Domain Name: example.com

Registrant:
Name: Ada
Registrar: Example Registrar
Email: mallory@evil.net

Technical Contact:
    Name: Tom
    Email: tom@example.com
    Reseller: Example Reseller
    Email: mallory@evil.net
`, "registrant: Ada||\ntechnical: Tom||tom@example.com\n"},
		{"in place, after others", "example.ru", `
domain:  EXAMPLE.RU
person:  Ada
hosting: Example Hosting
e-mail:  mallory@evil.net
`, "registrant: Ada||\n"},
		{"sections, indented", "example.it", `
Domain:             example.it
Status:             ok

Registrant
  Organization:     Example Srl
  Address:          Via Roma
                    Email: mallory@evil.net
  Email:            ada@example.it

Admin Contact
  Name:             Ada

Technical Contacts
  Name:             Tech
  Email:            tech@example.it

Registrar
  Organization:     Evil
  Email:            mallory@evil.net

Remarks:
  Registrant Email: mallory@evil.net
`, "registrant: |Example Srl|ada@example.it\nadministrative: Ada||\ntechnical: Tech||tech@example.it\n"},
		{"sections, up to an empty line", "example.ee", `
Estonia .ee Top Level Domain WHOIS server

Domain:
name:       example.ee
status:     ok (paid and in zone)

Registrant:
name:       Example OU
email:      ada@example.ee

Administrative contact:
name:       Ada
email:      Not Disclosed - Visit www.example.net for webbased WHOIS

Registrar:
name:       Evil
email:      mallory@evil.net

email:      mallory@evil.net
`, "registrant: Example OU||ada@example.ee\nadministrative: Ada|| redacted\nhidden: Not Disclosed - Visit www.example.net for webbased WHOIS\n"},
		{"name on the next line", "example.co.uk", `

    Domain name:
        example.co.uk

    Registrant:
        Ada Example

    Registrar:
        Example Registrar [Tag = X]
        URL: https://registrar.example

    Name servers:
        ns1.example.co.uk  45.0.0.1
`, "registrant: Ada Example||\n"},
		{"Korea's keys", "example.kr", `
Domain Name                 : example.kr
Registrant                  : Example Inc
Administrative Contact(AC)  : Ada
AC E-Mail                   : ada@example.kr
`, "administrative: ||ada@example.kr\n"},
		{"dots and brackets", "example.no", "Domain Name................: example.no\nRegistrant Email...........: ada@example.no\n", "registrant: ||ada@example.no\n"},
		{"a list of matches with the domain among them", "example.com", `
Domain Name: EXAMPLE.COM.EVIL.NET
Registrant Email: mallory@evil.net

Domain Name: EXAMPLE.COM
Registrant Email: ada@example.com

Domain Name: EXAMPLE.COM.MALLORY.ORG
Registrant Email: mallory@evil.net
`, "registrant: ||ada@example.com\n"},
		{"registrant in one line", "example.cn", "Domain Name: example.cn\nRegistrant: Privacy Protection Service\nRegistrant Contact Email: x@neutral.org\n",
			"registrant: |Privacy Protection Service|x@neutral.org privacy\n"},
		{"two addresses", "example.com", "Domain Name: example.com\nRegistrant Email: a@example.com\nRegistrant Email: b@example.com\n",
			"registrant: ||a@example.com\nregistrant: ||b@example.com\n"},
		{"no plain addresses", "example.com", "Domain Name: example.com\nRegistrant Email: Ada <ada@example.com>\nAdmin Email: a@example.com, b@example.com\nTech Email: a@localhost\nBilling Email: \"a b\"@example.com\n", ""},
		{"empty headings in a flat answer", "example.com", "Domain Name: example.com\nRegistrar:\nRegistrant:\nRegistrant Email: ada@example.com\nName Server:\nAdmin Email: admin@example.com\n",
			"registrant: ||ada@example.com\nadministrative: ||admin@example.com\n"},
		{"a line that continues a remark", "example.com", "Domain Name: example.com\nRemarks: see\n  Registrant Email: mallory@evil.net\nRegistrant Email: ada@example.com\n", "registrant: ||ada@example.com\n"},
		{"tabs", "example.com", "Domain Name:\texample.com\nRegistrant:\n\tName:\tAda\n\tEmail:\tada@example.com\n", "registrant: Ada||ada@example.com\n"},
		{"IDN in Unicode", "xn--e1afmkfd.xn--p1ai", "domain: ПРИМЕР.РФ\nperson: Ada\ne-mail: ada@example.com\n", "registrant: Ada||ada@example.com\n"},
		{"IDN", "xn--e1afmkfd.xn--p1ai", "domain: XN--E1AFMKFD.XN--P1AI\nperson: Ada\ne-mail: ada@example.com\n", "registrant: Ada||ada@example.com\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, eol := range []string{"\n", "\r\n"} {
				r, err := parseWHOIS(tt.domain, []byte(strings.ReplaceAll(tt.in, "\n", eol)))
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(tt.want, shown(r)); diff != "" {
					t.Error(diff)
				}
				if strings.Contains(shown(r), "mallory") {
					t.Error("free text was taken for a contact")
				}
			}
		})
	}
}

func TestParseWHOISRefuses(t *testing.T) {
	long := strings.Repeat("x", 1000)
	tests := []struct {
		name, in string
		kind     error
	}{
		{"empty", " ", ErrUnavailable},
		{"other domain", "Domain Name: example.org\nRegistrant Email: ada@example.com\n", ErrUnavailable},
		{"domain as a part", "Domain Name: www.example.com\nRegistrant Email: a@b.com\n", ErrUnavailable},
		{"domain in a remark", "Remarks: Domain Name: example.com\nRegistrant Email: a@b.com\n", ErrUnavailable},
		{"domain in a comment", "% Domain Name: example.com\nRegistrant Email: a@b.com\n", ErrUnavailable},
		{"domain with a suffix", "Domain Name: example.com" + long + "\nRegistrant Email: a@b.com\n", ErrUnavailable},
		{"no match", "No match for \"EXAMPLE.COM\".\n>>> Last update\n", ErrNotRegistered},
		{"not found", "% This query returned 0 objects.\n%\n% No entries found.\n", ErrNotRegistered},
		{"free", "Domain: example.com\nStatus: free\n", ErrNotRegistered},
		{"available", "Domain: example.com\nStatus: AVAILABLE\n", ErrNotRegistered},
		{"no match, but a registration of another", "No match\nDomain: example.org\n", ErrUnavailable},
		{"available by name", "Example.com is available for registration\n", ErrNotRegistered},
		{"something else is available", "Whois is available from 9 to 17\n", ErrUnavailable},
		{"something else is free", "% Access denied\nInformation is free of charge at the office\n", ErrUnavailable},
		{"another domain is available", "www.example.com is available\n", ErrUnavailable},
		{"rate", "Your request was limited. Not found in cache.\n", ErrUnavailable},
		{"rate, too", "Maximum query rate reached\n", ErrUnavailable},
		{"binary", "Domain: example.com\n\x00\x01", ErrUnavailable},
		{"control characters", "Domain: example.com\n" + strings.Repeat("\x1b[2J", 40), ErrUnavailable},
		{"HTML", "<html><title>403</title></html>", ErrUnavailable},
	}
	for _, tt := range tests {
		r, err := parseWHOIS("example.com", []byte(tt.in))
		if err == nil {
			t.Errorf("%s: %+v", tt.name, r)
		} else if !errors.Is(err, tt.kind) || len(err.Error()) > 400 {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.kind)
		}
	}
	if r, err := parseWHOIS("example.com", []byte("Domain: example.com\nStatus: NOT AVAILABLE\nStatus: active\n")); err != nil {
		t.Errorf("%v, %v", r, err)
	}
}

// Texts are shown to people: one line, no control characters, bounded
// (threat T15).
func TestTextsAreClean(t *testing.T) {
	in := "Domain Name: example.com\nRegistrar: a\x1b[31mred\u202eevil\u200b\x9b<script>" + strings.Repeat("y", 3000) + "\nRegistrant Name: \u202edlrow\nRegistrant Email: a\u200bda@example.com\nDomain Status: ok\x07\n"
	r, err := parseWHOIS("example.com", []byte(in))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range append(r.Statuses, r.Registrar, r.Contacts[0].Name) {
		if strings.ContainsAny(s, "\x1b\x07\u202e\u200b\u009b\n") || len([]rune(s)) > maxText+1 {
			t.Errorf("%q", s)
		}
	}
	if r.Contacts[0].Email != "" {
		t.Errorf("address %q", r.Contacts[0].Email)
	}
	if !bytes.Equal(r.Raw, []byte(in)) {
		t.Error("the evidence is not what came")
	}
}

func TestBoundedWHOIS(t *testing.T) {
	var b strings.Builder
	b.WriteString("Domain Name: example.com\n")
	for i := range 800 {
		fmt.Fprintf(&b, "Registrant Email: a%d@example.com\nName Server: ns%d.example.com\nadmin-c: H%d\n", i, i, i)
	}
	r, err := parseWHOIS("example.com", []byte(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Contacts) > maxEach || len(r.NameServers) > maxEach {
		t.Errorf("%d contacts, %d name servers", len(r.Contacts), len(r.NameServers))
	}
}

func TestMailAddress(t *testing.T) {
	for in, want := range map[string]string{
		"ada@example.com": "ada@example.com", " Ada.B+c@EXAMPLE.com ": "Ada.B+c@example.com", "a@пример.рф": "a@xn--e1afmkfd.xn--p1ai", "a@example.com.": "a@example.com",
		"": "", "@": "", "a@": "", "@example.com": "", "a@b": "", "a b@example.com": "", "a@b@example.com": "", ".a@example.com": "", "a.@example.com": "", "a..b@example.com": "",
		"mailto:a@example.com": "", "<a@example.com>": "", "a@example.com b@example.com": "", "a@127.0.0.1": "", "a@[127.0.0.1]": "", "ä@example.com": "", "a\x00@example.com": "",
		strings.Repeat("a", 65) + "@example.com": "", "a@" + strings.Repeat("b.", 130) + "com": "",
	} {
		if got, ok := mailAddress(in); got != want || ok != (want != "") {
			t.Errorf("mailAddress(%q) = %q, %v", in, got, ok)
		}
	}
}

func TestParseTime(t *testing.T) {
	for in, want := range map[string]string{
		"2026-01-02T03:04:05Z": "2026-01-02 03:04:05", "2026-01-02T03:04:05.0Z": "2026-01-02 03:04:05", "2026-01-02T05:04:05+02:00": "2026-01-02 03:04:05",
		"2026-01-02": "2026-01-02 00:00:00", "02-Jan-2026": "2026-01-02 00:00:00", "20260102 03:04:05": "2026-01-02 03:04:05", "2026-01-02 03:04:05 (UTC+8)": "2026-01-02 03:04:05",
		"2026.01.02": "2026-01-02 00:00:00", "20260102 #123": "2026-01-02 00:00:00", "": "", "soon": "", "99999999": "", "2026-01-02 03:04:05 +02:00": "2026-01-02 01:04:05",
	} {
		got := ""
		if at := parseTime(in); !at.IsZero() {
			got = at.Format("2006-01-02 15:04:05")
		}
		if got != want {
			t.Errorf("parseTime(%q) = %q, want %q", in, got, want)
		}
	}
}
