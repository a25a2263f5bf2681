package housetest

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestHouse(t *testing.T) {
	tr := readTree(t, filepath.Join("..", ".."))
	if len(tr.files) < 50 {
		t.Fatalf("only %d files: is this the module?", len(tr.files))
	}
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			for _, violation := range r.check(tr) {
				t.Error(violation)
			}
		})
	}
}

// The exceptions name things that exist.
func TestExceptionsAreNeeded(t *testing.T) {
	tr := readTree(t, filepath.Join("..", ".."))
	names := map[string]bool{}
	for _, f := range tr.files {
		names[f.name], names[f.pkg] = true, true
	}
	for pkg := range imports {
		names[pkg] = true
	}
	for _, list := range []map[string]string{diallingFiles, plainRandom} {
		for name, reason := range list {
			if !names[name] || reason == "" {
				t.Errorf("the exception for %s names nothing, or has no reason", name)
			}
		}
	}
}

// Every rule catches a small package that breaks it, and leaves its healthy
// twin alone.
func TestRulesCatch(t *testing.T) {
	const imp = `import _ "` + module + `/`
	tests := []struct {
		rule, name string
		files      map[string]string
		want       string // part of the only violation; "" for none
	}{
		{"imports", "root imports problem", map[string]string{"a.go": "package zonehold\n" + imp + `problem"`}, `"" must not import "problem"`},
		{"imports", "problem imports root", map[string]string{"problem/a.go": `package problem; import _ "` + module + `"`}, `"problem" must not import ""`},
		{"imports", "verify imports app", map[string]string{"verify/a.go": "package verify\n" + imp + `internal/app"`}, `must not import "internal/app"`},
		{"imports", "store imports app", map[string]string{"internal/store/a.go": "package store\n" + imp + `internal/app"`}, "must not import"},
		{"imports", "app imports an HTTP package", map[string]string{"internal/app/a.go": "package app\n" + imp + `internal/httpapi"`}, "must not import"},
		{"imports", "a package without a row", map[string]string{"util/a.go": "package util"}, "no row"},
		{"imports", "a nested one without a row", map[string]string{"verify/helpers/a.go": "package helpers"}, "no row"},
		{"imports", "under an alias", map[string]string{"problem/a.go": "package problem\nimport z \"" + module + "/verify\"\nvar _ = z.Methods"}, "must not import"},
		{"imports", "verify imports probes", map[string]string{"verify/a.go": "package verify\n" + imp + `probe/dns"` + "\n" + imp + `probe"`}, ""},
		{"imports", "cmd wires", map[string]string{"cmd/zonehold/a.go": "package main\n" + imp + `internal/store"`}, ""},
		{"imports", "a test imports testnet", map[string]string{"problem/a_test.go": "package problem\n" + imp + `testnet"`}, ""},
		{"imports", "a name that only begins alike", map[string]string{"verify/a.go": `package verify; import _ "` + module + `x/internal/app"`}, ""},

		{"public packages stay light", "internal", map[string]string{"verify/a.go": "package verify\n" + imp + `internal/config"`}, `imports "internal/config"`},
		{"public packages stay light", "River", map[string]string{"verify/a.go": `package verify; import _ "github.com/riverqueue/river"`}, "riverqueue"},
		{"public packages stay light", "huma", map[string]string{"api/a.go": `package api; import _ "github.com/danielgtaylor/huma/v2"`}, "huma"},
		{"public packages stay light", "pgx", map[string]string{"a.go": `package zonehold; import _ "github.com/jackc/pgx/v5"`}, "pgx"},
		{"public packages stay light", "AWS", map[string]string{"discover/a.go": `package discover; import _ "github.com/aws/aws-sdk-go-v2/aws"`}, "aws"},
		{"public packages stay light", "OTel", map[string]string{"probe/a.go": `package probe; import _ "go.opentelemetry.io/otel"`}, "otel"},
		{"public packages stay light", "cobra", map[string]string{"client/a.go": `package client; import _ "github.com/spf13/cobra"`}, "cobra"},
		{"public packages stay light", "koanf", map[string]string{"client/a.go": `package client; import _ "github.com/knadh/koanf/v2"`}, "koanf"},
		{"public packages stay light", "cmp outside of tests", map[string]string{"verify/a.go": `package verify; import _ "github.com/google/go-cmp/cmp"`}, "go-cmp"},
		{"public packages stay light", "a name that only begins alike", map[string]string{"verify/a.go": `package verify; import _ "github.com/miekg/dnsx"`}, "dnsx"},
		{"public packages stay light", "what is allowed", map[string]string{
			"verify/a.go":            "package verify\nimport (\n_ \"github.com/miekg/dns\"\n_ \"golang.org/x/net/html\"\n_ \"net/http\"\n)",
			"verify/verifytest/a.go": `package verifytest; import _ "github.com/google/go-cmp/cmp"`,
			"internal/httpapi/a.go":  `package httpapi; import _ "github.com/danielgtaylor/huma/v2"`,
		}, ""},

		{"HTTP packages stay apart", "store", map[string]string{"internal/httpapi/a.go": "package httpapi\n" + imp + `internal/store"`}, "internal/store"},
		{"HTTP packages stay apart", "verify", map[string]string{"internal/webmaster/a.go": "package webmaster\n" + imp + `verify"`}, "verify"},
		{"HTTP packages stay apart", "jobs", map[string]string{"internal/webui/a.go": "package webui\n" + imp + `internal/jobs"`}, "internal/jobs"},
		{"HTTP packages stay apart", "discover", map[string]string{"internal/probely/a.go": "package probely\n" + imp + `discover"`}, "discover"},
		{"HTTP packages stay apart", "each other", map[string]string{"internal/probely/a.go": "package probely\n" + imp + `internal/webmaster"`}, "internal/webmaster"},
		{"HTTP packages stay apart", "app and auth", map[string]string{"internal/probely/a.go": "package probely\n" + imp + `internal/app"` + "\n" + imp + `internal/auth"`}, ""},

		{"databases", "database/sql", map[string]string{"internal/app/a.go": `package app; import _ "database/sql"`}, "database/sql"},
		{"databases", "pgx", map[string]string{"internal/auth/a.go": `package auth; import _ "github.com/jackc/pgx/v5/pgxpool"`}, "pgxpool"},
		{"databases", "River", map[string]string{"internal/app/a.go": `package app; import _ "github.com/riverqueue/river"`}, "river"},
		{"databases", "in store", map[string]string{"internal/store/a.go": `package store; import _ "database/sql"`}, ""},

		{"only probe dials", "net.Dial", map[string]string{"verify/a.go": "package verify\nimport \"net\"\nvar _, _ = net.Dial(\"tcp\", \"\")"}, "verify/a.go:3: net.Dial dials"},
		{"only probe dials", "under an alias", map[string]string{"verify/a.go": "package verify\nimport n \"net\"\nvar _ = n.DialTimeout"}, "net.DialTimeout"},
		{"only probe dials", "dot import", map[string]string{"verify/a.go": "package verify\nimport . \"net\"\nvar _ = Dial"}, "dials"},
		{"only probe dials", "net.Dialer", map[string]string{"diagnose/a.go": "package diagnose\nimport \"net\"\nvar d net.Dialer"}, "net.Dialer"},
		{"only probe dials", "net.Resolver", map[string]string{"diagnose/a.go": "package diagnose\nimport \"net\"\nvar d = &net.Resolver{}"}, "net.Resolver"},
		{"only probe dials", "net.LookupTXT", map[string]string{"diagnose/a.go": "package diagnose\nimport \"net\"\nvar d = net.LookupTXT"}, "net.LookupTXT"},
		{"only probe dials", "net.ResolveTCPAddr", map[string]string{"diagnose/a.go": "package diagnose\nimport \"net\"\nvar d = net.ResolveTCPAddr"}, "net.ResolveTCPAddr"},
		{"only probe dials", "http.Get", map[string]string{"internal/app/a.go": "package app\nimport \"net/http\"\nvar _ = http.Get"}, "net/http.Get"},
		{"only probe dials", "http.DefaultClient", map[string]string{"internal/app/a.go": "package app\nimport \"net/http\"\nvar _ = http.DefaultClient"}, "DefaultClient"},
		{"only probe dials", "http.Client", map[string]string{"internal/app/a.go": "package app\nimport \"net/http\"\nvar _ = &http.Client{}"}, "http.Client"},
		{"only probe dials", "tls.Dial", map[string]string{"internal/app/a.go": "package app\nimport \"crypto/tls\"\nvar _ = tls.Dial"}, "tls.Dial"},
		{"only probe dials", "dns.Client", map[string]string{"diagnose/a.go": "package diagnose\nimport \"github.com/miekg/dns\"\nvar c dns.Client"}, "dns.Client"},
		{"only probe dials", "smtp", map[string]string{"internal/notify/a.go": "package notify\nimport \"net/smtp\"\nvar c = smtp.SendMail"}, "net/smtp"},
		{"only probe dials", "another file of cmd", map[string]string{"cmd/zonehold/verify.go": "package main\nimport \"net/http\"\nvar _ = http.Client{}"}, "http.Client"},
		{"only probe dials", "where it is allowed", map[string]string{
			"probe/a.go":                  "package probe\nimport \"net\"\nvar d net.Dialer",
			"probe/web/a.go":              "package web\nimport \"net/http\"\nvar d http.Transport",
			"testnet/a.go":                "package testnet\nimport \"net\"\nvar d net.Dialer",
			"client/a.go":                 "package client\nimport \"net/http\"\nvar d http.Client",
			"cmd/zonehold/healthcheck.go": "package main\nimport \"net/http\"\nvar d http.Client",
			"verify/a_test.go":            "package verify\nimport \"net\"\nvar d net.Dialer",
			"verify/a.go":                 "package verify\nimport (\"net\"; \"net/http\")\nvar l, _ = net.Listen(\"tcp\", \"\")\nvar h http.Handler\nvar x struct{ net struct{ Dial int } }\nvar _ = x.net.Dial",
		}, ""},

		{"only store holds SQL", "SELECT", map[string]string{"internal/app/a.go": "package app\nconst q = `\n  SELECT id FROM domains`"}, "internal/app/a.go:2"},
		{"only store holds SQL", "UPDATE", map[string]string{"internal/auth/a.go": `package auth; const q = "UPDATE tokens SET x = 1"`}, "SQL"},
		{"only store holds SQL", "small letters", map[string]string{"internal/auth/a.go": `package auth; const q = "select id from tokens"`}, "SQL"},
		{"only store holds SQL", "English, and where it is allowed", map[string]string{
			"internal/app/a.go":   `package app; const a, b, c = "Select a domain from the list", "Update the record and set its TTL", "SELECT"`,
			"internal/store/a.go": `package store; const q = "DELETE FROM tokens"`,
		}, ""},

		{"random numbers", "math/rand", map[string]string{"a.go": `package zonehold; import _ "math/rand"`}, "crypto/rand"},
		{"random numbers", "math/rand in a listed file", map[string]string{"internal/app/config.go": `package app; import _ "math/rand"`}, "crypto/rand"},
		{"random numbers", "math/rand/v2", map[string]string{"internal/auth/token.go": `package auth; import r "math/rand/v2"; var _ = r.Int`}, "crypto/rand"},
		{"random numbers", "jitter and tests", map[string]string{
			"internal/app/config.go": `package app; import _ "math/rand/v2"`,
			"verify/a_test.go":       `package verify; import _ "math/rand"`,
			"token.go":               `package zonehold; import _ "crypto/rand"`,
		}, ""},

		{"nothing unfinished", "a mark", map[string]string{"a.go": "package zonehold\n// " + "TO" + "DO(me): finish\nvar x int"}, "a.go:2"},
		{"nothing unfinished", "a mark in a test", map[string]string{"a_test.go": "package zonehold\n/* later: " + "FIX" + "ME */"}, "a_test.go:2"},
		{"nothing unfinished", "a stub", map[string]string{"a.go": "package zonehold\nfunc f() { panic(\"owner: verify\") }"}, "a stub"},
		{"nothing unfinished", "ordinary words", map[string]string{"a.go": "package zonehold\n// todo lists and hacks are words\nfunc f() { panic(\"impossible\") }"}, ""},

		{"methods know nothing of dialects", "in a method", map[string]string{"verify/a.go": `package verify; const x = "yandex-verification"`}, "names a dialect"},
		{"methods know nothing of dialects", "in the profiles", map[string]string{"profiles.go": `package zonehold; const x = "yandex-verification"`}, ""},

		{"problem codes exist", "a finding", map[string]string{"diagnose/a.go": `package diagnose; var x = verify.Finding{Code: "dns_no_such"}`}, "dns_no_such"},
		{"problem codes exist", "a finding inside verify", map[string]string{"verify/a.go": `package verify; var x = &Finding{Code: "dns_no_such"}`}, "dns_no_such"},
		{"problem codes exist", "problem.New", map[string]string{"internal/app/a.go": `package app; var x = problem.New("dns_no_such", nil)`}, "dns_no_such"},
		{"problem codes exist", "a constant", map[string]string{"internal/app/a.go": `package app; const x problem.Code = "no_such"`}, "no_such"},
		{"problem codes exist", "codes that do, and other words", map[string]string{
			"verify/a.go":       `package verify; var x = Finding{Code: "dns_timeout"}; var y, z = "dns_txt", "ask_server"`,
			"internal/app/a.go": `package app; var x, y = problem.New("verifier_fault", nil), "dns_port"`,
		}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.rule+"/"+tt.name, func(t *testing.T) {
			var check func(*tree) []string
			for _, r := range rules {
				if r.name == tt.rule {
					check = r.check
				}
			}
			if check == nil {
				t.Fatal("no such rule")
			}
			got := check(makeTree(t, tt.files))
			if tt.want == "" {
				if len(got) > 0 {
					t.Errorf("a healthy package is blamed: %q", got)
				}
				return
			}
			if len(got) != 1 || !strings.Contains(got[0], tt.want) {
				t.Errorf("got %q, want one violation with %q", got, tt.want)
			}
		})
	}
	for _, r := range rules {
		var catches, spares bool
		for _, tt := range tests {
			catches = catches || tt.rule == r.name && tt.want != ""
			spares = spares || tt.rule == r.name && tt.want == ""
		}
		if !catches || !spares {
			t.Errorf("the rule %q is not shown to catch and to spare", r.name)
		}
	}
}
