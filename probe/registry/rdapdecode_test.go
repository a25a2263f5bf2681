package registry

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func entity(roles, vcard, more string) string {
	return fmt.Sprintf(`{"objectClassName":"entity","roles":%s,"vcardArray":["vcard",[["version",{},"text","4.0"]%s]]%s}`, roles, vcard, more)
}

func document(more string) string {
	return `{"objectClassName":"domain","ldhName":"EXAMPLE.COM.",` + more + `}`
}

const ada = `,["fn",{},"text","Ada"],["email",{},"text","ada@example.com"]`

func TestDecodeRDAP(t *testing.T) {
	mallory := `,["fn",{},"text","M"],["email",{},"text","mallory@evil.net"]`
	tests := []struct{ name, in, want string }{
		{"contacts", document(`"entities":[` + entity(`["registrant"]`, ada, "") + `,` + entity(`["technical","administrative"]`, `,["org",{},"text",["Example","Unit"]],["email",{"type":"work"},"text","Tech@EXAMPLE.com"]`, "") + `]`),
			"registrant: Ada||ada@example.com\nadministrative+technical: |Example|Tech@example.com\n"},
		{"roles in capitals, and as one string", document(`"entities":[` + entity(`"Registrant"`, ada, "") + `]`), "registrant: Ada||ada@example.com\n"},
		{"other roles", document(`"entities":[` + entity(`["registrar"]`, mallory, "") + `,` + entity(`["abuse"]`, mallory, "") + `,` + entity(`[]`, mallory, "") + `,` + entity(`["reseller"]`, mallory, "") +
			`,` + entity(`["sponsor"]`, mallory, "") + `,` + entity(`["proxy"]`, mallory, "") + `,` + entity(`["notifications"]`, mallory, "") + `,` + entity(`5`, mallory, "") + `]`), ""},
		{"a role beside that of the registrar", document(`"entities":[` + entity(`["registrant","registrar"]`, mallory, "") + `,` + entity(`["technical","abuse"]`, mallory, "") + `]`), ""},
		{"nested in the registrar", document(`"entities":[` + entity(`["registrar"]`, mallory, `,"entities":[`+entity(`["technical"]`, mallory, "")+`]`) + `]`), ""},
		{"nested in the registrant", document(`"entities":[` + entity(`["registrant"]`, ada, `,"entities":[`+entity(`["administrative"]`, `,["email",{},"text","adm@example.com"]`, "")+`,`+entity(`["abuse"]`, mallory, "")+`]`) + `]`),
			"registrant: Ada||ada@example.com\nadministrative: ||adm@example.com\n"},
		{"remarks and notices", document(`"remarks":[{"description":["mallory@evil.net"]}],"notices":[{"title":"mallory@evil.net"}],"entities":[` +
			entity(`["registrant"]`, `,["note",{},"text","mallory@evil.net"],["fn",{},"text","mallory@evil.net"],["adr",{"label":"mallory@evil.net"},"text",["","","","","","",""]]`, `,"remarks":[{"description":["mallory@evil.net"]}]`) + `]`),
			"registrant: mallory@evil.net||\n"},
		{"address of another type", document(`"entities":[` + entity(`["registrant"]`, `,["email",{},"uri","mallory@evil.net"],["email",{},"text",{"x":"mallory@evil.net"}],["email",{}],["email"],[]`, "") + `]`), ""},
		{"two addresses", document(`"entities":[` + entity(`["registrant"]`, ada+`,["email",{},"text","b@example.com"]`, "") + `]`), "registrant: Ada||ada@example.com\nregistrant: Ada||b@example.com\n"},
		{"redacted, RFC 9537", document(`"entities":[` + entity(`["registrant"]`, ada, "") + `,` + entity(`["technical"]`, `,["email",{},"text","t@example.com"]`, "") +
			`],"redacted":[{"name":{"type":"Registrant Email"},"postPath":"$.entities[?(@.roles[0]=='registrant')].vcardArray[1][?(@[0]=='email')][3]","method":"replacementValue"}]`),
			"registrant: Ada||ada@example.com redacted\ntechnical: ||t@example.com\nhidden: Registrant Email\n"},
		{"redacted at the end of a long list", document(`"entities":[` + entity(`["registrant"]`, ada, "") + `],"redacted":[` + strings.Repeat(`{"name":{"type":"Phone"}},`, 1000) + `{"name":{"type":"Registrant Email"}}]`),
			"registrant: Ada||ada@example.com redacted\nhidden: Registrant Email\n"},
		{"redacted without a role", document(`"entities":[` + entity(`["registrant"]`, ada, "") + `],"redacted":[{"name":{"description":"Email"},"method":"emptyValue"}]`),
			"registrant: Ada||ada@example.com redacted\nhidden: Email\n"},
		{"redacted as a whole", document(`"entities":[` + entity(`["registrant"]`, ada, "") + `],"redacted":[{"name":{"type":"X"},"prePath":"$.entities[?(@.roles[0]=='registrant')]","method":"removal"}]`),
			"registrant: Ada||ada@example.com redacted\nhidden: X\n"},
		{"redacted telephone", document(`"entities":[` + entity(`["registrant"]`, ada, "") + `],"redacted":[{"name":{"type":"Registrant Phone"},"prePath":"$.entities[0].vcardArray[1][?(@[0]=='tel')]","method":"removal"},{"name":{"type":"Registry Domain ID"},"prePath":"$.handle"}]`),
			"registrant: Ada||ada@example.com\n"},
		{"withheld in words", document(`"entities":[` + entity(`["registrant"]`, `,["fn",{},"text","REDACTED FOR PRIVACY"],["email",{},"text","shared@neutral.org"]`, "") + `]`),
			"registrant: REDACTED FOR PRIVACY||shared@neutral.org redacted\nhidden: REDACTED FOR PRIVACY\n"},
		{"a form", document(`"entities":[` + entity(`["registrant"]`, `,["fn",{},"text","Ada"],["contact-uri",{},"uri","https://registrar.example/form"]`, "") + `]`),
			"registrant: Ada|| redacted\nhidden: contact-uri: a form in place of an address\n"},
		{"a proxy", document(`"entities":[` + entity(`["registrant"]`, `,["org",{},"text","Domains By Proxy, LLC"],["email",{},"text","x@neutral.org"]`, "") + `]`), "registrant: |Domains By Proxy, LLC|x@neutral.org privacy\n"},
		{"a proxy by its status", document(`"entities":[` + entity(`["registrant"]`, ada, `,"status":["validated","proxy"]`) + `,` + entity(`["technical"]`, `,["email",{},"text","t@example.com"]`, `,"status":["active"]`) + `]`),
			"registrant: Ada||ada@example.com redacted\ntechnical: ||t@example.com\nhidden: status proxy\n"},
		{"obscured, private, removed", document(`"entities":[` + entity(`["registrant"]`, ada, `,"status":["Obscured"]`) + `,` + entity(`["technical"]`, ada, `,"status":"private"`) + `,` + entity(`["billing"]`, ada, `,"status":["removed"]`) + `]`),
			"registrant: Ada||ada@example.com redacted\ntechnical: Ada||ada@example.com redacted\nbilling: Ada||ada@example.com redacted\nhidden: status obscured\n"},
		{"bad vCards", document(`"entities":[{"roles":["registrant"]},{"roles":["registrant"],"vcardArray":[]},{"roles":["registrant"],"vcardArray":["card",[]]},{"roles":["registrant"],"vcardArray":["vcard",5]},{"roles":["registrant"],"vcardArray":["vcard"]}]`), ""},
		{"unicode name alone", `{"objectClassName":"domain","unicodeName":"Example.com"}`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, err := decodeRDAP("example.com", []byte(tt.in))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, shown(r)); diff != "" {
				t.Error(diff)
			}
			for _, c := range r.Contacts {
				if c.Email == "mallory@evil.net" {
					t.Error("somebody else's address was taken")
				}
			}
		})
	}
}

func TestDecodeRDAPRefuses(t *testing.T) {
	for name, in := range map[string]string{
		"empty": "", "null": "null", "list": "[]", "text": `"x"`, "html": "<html>", "no class": `{"ldhName":"example.com"}`,
		"entity": `{"objectClassName":"entity","ldhName":"example.com"}`, "other name": `{"objectClassName":"domain","ldhName":"example.org"}`,
		"name below": `{"objectClassName":"domain","ldhName":"www.example.com"}`, "no name": `{"objectClassName":"domain"}`,
		"name twice over": `{"objectClassName":"domain","ldhName":"example.com example.org"}`, "name is a number": `{"objectClassName":"domain","ldhName":5}`,
		"cut": `{"objectClassName":"domain","ldhName":"example.com"`, "more": `{"objectClassName":"domain","ldhName":"example.com"} {}`,
		"entities are text": `{"objectClassName":"domain","ldhName":"example.com","entities":"x"}`,
		"deep":              document(`"entities":` + strings.Repeat("[", 500) + strings.Repeat("]", 500)),
		"deep objects":      document(strings.Repeat(`"a":{`, 500) + `"b":1` + strings.Repeat("}", 500)),
		"many":              document(`"entities":[` + strings.Repeat("{},", 60_000) + `{}]`),
		"search result":     `{"domainSearchResults":[{"objectClassName":"domain","ldhName":"example.com"}]}`,
		"error":             `{"errorCode":404,"title":"not found"}`,
	} {
		r, err := decodeRDAP("example.com", []byte(in))
		if err == nil {
			t.Errorf("%s: %+v", name, r)
		} else if !errors.Is(err, ErrUnavailable) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The evidence is bounded, its hash is of everything.
func TestEvidenceIsBounded(t *testing.T) {
	in := document(`"x":"` + strings.Repeat("y", 600<<10) + `"`)
	r, err := decodeRDAP("example.com", []byte(in))
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Raw) != maxRaw || r.RawSize != len(in) || cap(r.Raw) != maxRaw {
		t.Errorf("%d of %d bytes kept", len(r.Raw), r.RawSize)
	}
}

func TestCheckJSON(t *testing.T) {
	for in, want := range map[string]error{
		`{"a":"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["}`: nil, `{"a":"\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["}`: nil, "": nil, `"\`: nil,
		strings.Repeat("[", maxDepth): nil, strings.Repeat("[", maxDepth+1): errTooDeep, strings.Repeat("{", maxDepth+1): errTooDeep,
		strings.Repeat(",", maxValues+1): errTooMany, strings.Repeat("[]", maxValues+1): errTooMany,
	} {
		if err := checkJSON([]byte(in)); !errors.Is(err, want) {
			t.Errorf("checkJSON(%.40s) = %v, want %v", in, err, want)
		}
	}
}
