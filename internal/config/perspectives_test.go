package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReadPerspectives(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "perspectives.yaml")
	text := `
policy: {minimum: 3, allowed_failures: 1, regions: 2}
ca: pki/ca.pem
cert: pki/main.pem
key: /etc/zonehold/main.key
perspectives:
  - name: ams
    region: RIPE
    network: Transit B, Amsterdam
    url: https://ams.example.net:8443
  - {name: nyc, region: arin, url: "https://[2a0e::1]", server_name: nyc.example.net, ca: other.pem}
`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := ReadPerspectives(path)
	if err != nil {
		t.Fatal(err)
	}
	ca, cert := filepath.Join(dir, "pki/ca.pem"), filepath.Join(dir, "pki/main.pem")
	want := &Perspectives{
		Policy: PerspectivePolicy{Mode: "quorum", Minimum: 3, Allowed: 1, Regions: 2},
		CA:     "pki/ca.pem", Cert: "pki/main.pem", Key: "/etc/zonehold/main.key",
		Entries: []Perspective{
			{Name: "ams", Region: "RIPE", Network: "Transit B, Amsterdam", URL: "https://ams.example.net:8443", CA: ca, Cert: cert, Key: "/etc/zonehold/main.key"},
			{Name: "nyc", Region: "arin", URL: "https://[2a0e::1]", ServerName: "nyc.example.net", CA: filepath.Join(dir, "other.pem"), Cert: cert, Key: "/etc/zonehold/main.key"},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if _, err := ReadPerspectives(filepath.Join(dir, "none.yaml")); err == nil {
		t.Error("a file that is not there is read")
	}
}

func TestPerspectivesThatAreRefused(t *testing.T) {
	const entry = "perspectives: [{name: a, region: RIPE, url: 'https://a', ca: a, cert: a, key: a}]\n"
	for _, tt := range []struct{ name, text, want string }{
		{"good", entry, ""},
		{"a word", "policy: br\n" + entry, ""},
		{"off without any", "policy: off\n", ""},
		{"empty", "", "empty"},
		{"another document", entry + "---\na: b\n", "one YAML document"},
		{"not YAML", "{", ""},
		{"an unknown key", entry + "quorum: 3\n", "quorum"},
		{"an unknown key of an entry", "perspectives: [{nam: a}]", "nam"},
		{"no entries", "policy: br\n", "no perspectives"},
		{"lacks", "perspectives: [{name: a, url: 'https://a'}]", "perspective 1 (a) lacks region"},
		{"a policy of one's own", "policy: strict\n" + entry, "wants off, observe, br"},
		{"part of a quorum", "policy: {minimum: 3}\n" + entry, "lacks"},
		{"more than a quorum", "policy: {minimum: 3, allowed_failures: 1, regions: 1, all: 2}\n" + entry, `not "all"`},
		{"no number", "policy: {minimum: many, allowed_failures: 1, regions: 1}\n" + entry, "minimum wants a number"},
		{"a list", "policy: [br]\n" + entry, "neither"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := parsePerspectives([]byte(tt.text))
			bad := tt.want != "" || tt.name == "not YAML"
			if (err != nil) != bad || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}
