package testnet

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// The example of AWS's test suite for Signature Version 4, "get-vanilla".
func TestSignature4(t *testing.T) {
	r := httptest.NewRequest(http.MethodGet, "http://example.amazonaws.com/", http.NoBody)
	r.Header.Set("X-Amz-Date", "20150830T123600Z")
	scope := []string{"AKIDEXAMPLE", "20150830", "us-east-1", "service", "aws4_request"}
	const want = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
	if got := signature4("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", scope, r, []string{"host", "x-amz-date"}); got != want {
		t.Errorf("signature %s", got)
	}
	if got := signature4("x", scope, r, []string{"host"}); got != "" {
		t.Error("a signature that leaves the date out")
	}
}
