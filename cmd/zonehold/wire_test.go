package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/app"
	"github.com/zonehold/zonehold/internal/config"
	"github.com/zonehold/zonehold/internal/probely"
	"github.com/zonehold/zonehold/internal/webmaster"
	"github.com/zonehold/zonehold/testnet"
)

func configured(t *testing.T, env ...string) *config.Config {
	t.Helper()
	cfg, err := config.Load(config.Sources{Environ: env})
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func TestOutside(t *testing.T) {
	out, err := newOutside(configured(t))
	if err != nil {
		t.Fatal(err)
	}
	if out.mail != nil || out.kit.Registry == nil || out.kit.NoEmail || out.kit.ParentCoversAny || !out.kit.DNS.Validating() ||
		out.providers[zonehold.MethodAWSRoute53] == nil || out.providers[zonehold.MethodCloudflare] == nil {
		t.Errorf("by default: %+v", out)
	}
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	hints := write("hints", ". 3600000 NS a.root.example.\na.root.example. 3600000 A 45.0.0.1\n")
	anchors := write("anchors", ". IN DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D\n")
	out, err = newOutside(configured(t, "ZONEHOLD_DNS_ROOT_HINTS="+hints, "ZONEHOLD_SMTP_URL=smtp://127.0.0.1:25?starttls=never", "ZONEHOLD_MAIL_FROM=a@b.example",
		"ZONEHOLD_EMAIL_PROVES=off", "ZONEHOLD_PARENT_COVERS=any"))
	if err != nil || out.mail == nil || !out.kit.NoEmail || !out.kit.ParentCoversAny || out.kit.DNS.Validating() {
		t.Errorf("%v, %+v", err, out)
	}
	if kit, err := newKit(configured(t, "ZONEHOLD_DNS_ROOT_HINTS="+hints, "ZONEHOLD_DNS_TRUST_ANCHORS="+anchors)); err != nil || !kit.DNS.Validating() {
		t.Errorf("with anchors of its own: %v", err)
	}
	for _, env := range [][]string{
		{"ZONEHOLD_DNS_TRUST_ANCHORS=" + write("none", "hello\n")},
		{"ZONEHOLD_SMTP_URL=smtp://u:hunter2@host?starttls=never", "ZONEHOLD_MAIL_FROM=a@b.example"},
		{"ZONEHOLD_SMTP_URL=smtp://u@host", "ZONEHOLD_MAIL_FROM=a@b.example"},
	} {
		_, err := newOutside(configured(t, env...))
		var e *exitError
		if !errors.As(err, &e) || e.code != exitUsage || strings.Contains(e.message, "hunter2") {
			t.Errorf("%v: %v", env, err)
		}
	}
}

func TestEndpoints(t *testing.T) {
	got := endpoints("", "https://api.example/v4", "http://127.0.0.1:8053", "/etc/rdap.json", "http://[::1]", "https://x:8443")
	want := []string{"api.example:443", "127.0.0.1:8053", "[::1]:80", "x:8443"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// No dialect takes a path of another one, or of the service itself.
func TestRootsAreDisjoint(t *testing.T) {
	taken := []string{"", "v1", "docs", "dev", "app", "healthz", "readyz", "metrics", "version"}
	for _, p := range webmaster.Patterns() {
		taken = append(taken, strings.Trim(p, "/"))
	}
	for _, root := range probely.Roots() {
		if slices.Contains(taken, root) {
			t.Errorf("/%s has two owners", root)
		}
	}
}

// What a mail server says reaches the use cases as they know it.
func TestSender(t *testing.T) {
	n, err := testnet.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	relay := n.MailServer(testnet.MailOptions{NoSTARTTLS: true})
	relay.Answer("refused@shop.example", 550, "5.1.1 no such user")
	relay.Answer("delayed@shop.example", 451, "4.7.1 greylisted")
	m, err := mailer(configured(t, "ZONEHOLD_SMTP_URL="+relay.URL(), "ZONEHOLD_MAIL_FROM=proofs@zonehold.example"))
	if err != nil {
		t.Fatal(err)
	}
	for to, want := range map[string]error{"anna@shop.example": nil, "refused@shop.example": app.ErrMailRefused, "delayed@shop.example": app.ErrMailDelayed} {
		if err := m.Send(context.Background(), to, "Code", "text"); !errors.Is(err, want) || (err == nil) != (want == nil) {
			t.Errorf("%s: %v", to, err)
		}
	}
	if got := relay.MailsTo("anna@shop.example"); len(got) != 1 {
		t.Errorf("%d mails", len(got))
	}
}
