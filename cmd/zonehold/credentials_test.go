package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParseCredentials(t *testing.T) {
	key := map[string]string{"access_key_id": "AKIA1", "secret_access_key": "s3cret"}
	token := map[string]string{"api_token": "s3cret"}
	for _, tt := range []struct {
		name, provider, text string
		want                 map[string]string // nil: refused
		says                 string
	}{
		{"JSON", "aws_route53", `{"access_key_id":"AKIA1","secret_access_key":"s3cret"}`, key, ""},
		{"lines", "aws_route53", "access_key_id=AKIA1\nsecret_access_key=s3cret\n", key, ""},
		{"ini", "aws_route53", "\ufeff; work\r\n[default]\r\naws_access_key_id = AKIA1\r\naws_secret_access_key = s3cret\r\nregion = eu-central-1\r\n", key, ""},
		{"shell", "aws_route53", "export AWS_ACCESS_KEY_ID='AKIA1'\nexport AWS_SECRET_ACCESS_KEY=\"s3cret\"\n", key, ""},
		{"session", "aws_route53", "access_key_id=AKIA1\nsecret_access_key=s3cret\nsession_token=x=y==\n",
			map[string]string{"access_key_id": "AKIA1", "secret_access_key": "s3cret", "session_token": "x=y=="}, ""},
		{"token alone", "cloudflare", "s3cret\n", token, ""},
		{"token named", "cloudflare", "CLOUDFLARE_API_TOKEN=s3cret", token, ""},
		{"token in JSON", "cloudflare", ` {"api_token": "s3cret"} `, token, ""},
		{"nothing", "cloudflare", " \n", nil, "empty"},
		{"not flat", "aws_route53", `{"AccessKey":{"SecretAccessKey":"s3cret"}}`, nil, "no JSON object of texts"},
		{"broken", "aws_route53", `{"a":"s3cret"`, nil, "no JSON object"},
		{"a key alone", "aws_route53", "s3cret", nil, "line 1"},
		{"of another", "cloudflare", "access_key_id=s3cret", nil, "is no credential of cloudflare"},
		{"twice", "aws_route53", "access_key_id=s3cret\naccess_key_id=s3cret", nil, "again"},
		{"twice by other names", "aws_route53", "access_key_id=s3cret\naws_access_key_id=s3cret", nil, "twice"},
		{"sections", "aws_route53", "[a]\naccess_key_id=s3cret\n[b]\n", nil, "several sections"},
	} {
		got, err := parseCredentials(tt.provider, tt.text)
		if tt.want == nil {
			if err == nil || !strings.Contains(err.Error(), tt.says) || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("%s: %v, %v", tt.name, got, err)
			}
			continue
		}
		if diff := cmp.Diff(tt.want, got); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", tt.name, err, diff)
		}
	}
}

func FuzzParseCredentials(f *testing.F) {
	for _, s := range []string{"a=b", "[x]\nk = 'v'", `{"a":"b"}`, "'", "=", "\ufeff", "access_key_id=\"", "{"} {
		f.Add("aws_route53", s)
		f.Add("cloudflare", s)
	}
	f.Fuzz(func(t *testing.T, provider, text string) {
		got, err := parseCredentials(provider, text)
		if err != nil && got != nil {
			t.Errorf("credentials with an error: %v", err)
		}
		for name := range got {
			if !knownCredential(provider, name) {
				t.Errorf("%q", name)
			}
		}
	})
}

func TestExpiry(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 500, time.UTC)
	for in, want := range map[string]string{
		"": "never", "720h": "2026-12-21T12:00:00Z", "90s": "2026-11-21T12:01:30Z", "2027-01-31": "2027-01-31T00:00:00Z",
		"2026-11-21T14:00:00+01:00": "2026-11-21T13:00:00Z",
		"2026-11-21":                "refused", "-5h": "refused", "1ms": "refused", "30d": "refused", "soon": "refused", "2027-13-01": "refused",
	} {
		got, err := expiry(in, now)
		text := "never"
		switch {
		case err != nil:
			text = "refused"
		case got != nil:
			text = got.Format(time.RFC3339)
		}
		if text != want {
			t.Errorf("%q: %s (%v), want %s", in, text, err, want)
		}
	}
}
