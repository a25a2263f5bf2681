package verify_test

import (
	"testing"

	"github.com/zonehold/zonehold/verify"
)

// Credentials go to the claim's own host, scheme and port; without a scheme of
// its own, over https only.
func TestCredentialsOfARequest(t *testing.T) {
	for _, tt := range []struct {
		scheme string
		port   uint16
		url    string
		want   bool
	}{
		{"", 0, "https://example.com/x", true},
		{"", 0, "http://example.com/x", false},
		{"", 8443, "https://example.com:8443/x", true},
		{"", 8443, "https://example.com/x", false},
		{"", 8443, "http://example.com:8443/x", false},
		{"http", 0, "http://example.com/x", true},
		{"http", 0, "https://example.com/x", false},
		{"https", 0, "https://example.com/x", true},
		{"https", 0, "http://example.com/x", false},
		{"", 0, "https://www.example.com/x", false},
		{"", 0, "https://example.com.evil.example/x", false},
	} {
		c := verify.Claim{Hostname: "example.com", Scheme: tt.scheme, Port: tt.port, BasicUser: "user", BasicPassword: "secret"}
		r := c.Request(tt.url)
		if got := r.BasicUser != "" || r.BasicPassword != ""; got != tt.want {
			t.Errorf("scheme %q, port %d: credentials to %s: %v, want %v", tt.scheme, tt.port, tt.url, got, tt.want)
		}
	}
}
