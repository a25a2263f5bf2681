package registry

import (
	"strings"
	"testing"

	"github.com/zonehold/zonehold"
)

// The data has its form: one kind and one value a line, each once.
func TestPrivacyData(t *testing.T) {
	seen := map[string]bool{}
	kinds := map[string]int{}
	for line := range strings.Lines(privacyText) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" || line[0] == '#' {
			continue
		}
		kind, value, ok := strings.Cut(line, " ")
		if !ok || seen[line] || strings.TrimSpace(value) != value || strings.ToLower(value) != value {
			t.Errorf("line %q", line)
		}
		seen[line] = true
		kinds[kind]++
		switch kind {
		case "mail":
			if h, err := zonehold.ParseHostname(value); err != nil || string(h) != value || h.IsPublicSuffix() {
				t.Errorf("%q is no mail domain", value)
			}
		case "word":
			if squeeze(value) != value || len(value) < 5 {
				t.Errorf("word %q", value)
			}
		case "redacted":
			if len(value) < 4 {
				t.Errorf("phrase %q", value)
			}
		default:
			t.Errorf("kind %q", kind)
		}
	}
	p := privacyData()
	if len(p.mail) != kinds["mail"] || len(p.words) != kinds["word"] || len(p.redacted) != kinds["redacted"] || len(p.mail) < 20 || len(p.words) < 20 || len(p.redacted) < 15 {
		t.Errorf("%d mail domains, %d words, %d phrases of %v", len(p.mail), len(p.words), len(p.redacted), kinds)
	}
}

func TestJudge(t *testing.T) {
	tests := []struct {
		c                 Contact
		redacted, privacy bool
	}{
		{Contact{Name: "Ada Example", Organization: "Example Ltd", Email: "ada@example.net"}, false, false},
		{Contact{Name: "Ada Example", Email: "ada@gmail.com"}, false, false},
		{Contact{Name: "REDACTED FOR PRIVACY", Email: "ada@example.net"}, true, false},
		{Contact{Organization: "Redacted for GDPR privacy", Email: "ada@example.net"}, true, false},
		{Contact{Name: "Not Disclosed", Email: "ada@example.net"}, true, false},
		{Contact{Organization: "Withheld for Privacy ehf", Email: "ada@example.net"}, false, true},
		{Contact{Organization: "Domains By Proxy, LLC", Email: "ada@example.net"}, false, true},
		{Contact{Name: "On behalf of example.com owner", Email: "ada@example.net"}, false, true},
		{Contact{Email: "x@mail.withheldforprivacy.com"}, false, true},
		{Contact{Email: "x@notwithheldforprivacy.example"}, false, true}, // the words
		{Contact{Email: "x@o-w-o.info"}, false, true},
		{Contact{Email: "x@no-o-w-o.info"}, false, false},
		{Contact{Email: "whois-protect@registrar.example"}, false, true},
		{Contact{Email: "noreply@registrar.example"}, false, true},
		{Contact{Email: "privacy@example.com"}, false, false}, // in the domain itself
		{Contact{Email: "privacy@mail.example.com"}, false, false},
		{Contact{Email: "privacy@notexample.com"}, false, true},
	}
	for _, tt := range tests {
		c := tt.c
		c.judge("example.com")
		if c.Redacted != tt.redacted || (c.Privacy != "") != tt.privacy || c.Genuine() != (!tt.redacted && !tt.privacy && c.Email != "") {
			t.Errorf("%+v: redacted %v, privacy %q", tt.c, c.Redacted, c.Privacy)
		}
	}
}
