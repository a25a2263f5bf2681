package app

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/notify"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
)

// open takes every URL.
func openTargets() notify.Targets {
	return notify.Targets{Check: func(netip.Addr) error { return nil }, Open: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
}

func hooked(t testing.TB, s *store.Store, cfg Config) *App {
	t.Helper()
	cfg.Webhooks = openTargets()
	a := make1(t, s, cfg, quick)
	d := notify.NewDispatcher(notify.Config{Store: s, Clock: a.now, Channels: []notify.Channel{&notify.Webhooks{Store: s, HTTP: http.DefaultClient}}})
	if err := d.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
		defer cancel()
		if err := d.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return a
}

func TestWebhooksOfAnAccount(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		a := hooked(t, s, Config{})
		anna, bob := actor(t, s, "anna"), actor(t, s, "bob")
		var code atomic.Int32
		code.Store(204)
		seen := make(chan *http.Request, 100)
		r := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			seen <- r
			w.WriteHeader(int(code.Load()))
		}))
		t.Cleanup(r.Close)

		for _, in := range []NewWebhook{
			{URL: "ftp://x.example"}, {URL: r.URL, Events: []string{"domain.verifed"}}, {URL: r.URL, Events: []string{"nothing.*"}},
			{URL: r.URL, Description: "a\x00b"}, {URL: r.URL, Description: strings.Repeat("x", 201)},
		} {
			_, _, err := a.CreateWebhook(ctx, anna, in)
			wantKind(t, err, KindInvalid)
		}
		weak := anna
		weak.Scopes = []zonehold.Scope{zonehold.ScopeDomainsRead, zonehold.ScopeDomainsWrite, zonehold.ScopeChecksRun}
		_, _, err := a.CreateWebhook(ctx, weak, NewWebhook{URL: r.URL})
		wantKind(t, err, KindForbidden)

		w, secret, err := a.CreateWebhook(ctx, anna, NewWebhook{URL: r.URL, Events: []string{"domain.*", "domain.*"}, Description: " ci "})
		if err != nil || !strings.HasPrefix(secret, "whsec_") || w.Description != "ci" || len(w.Events) != 1 || !w.Enabled {
			t.Fatalf("%+v, %q, %v", w, secret, err)
		}
		_, err = a.Webhook(ctx, bob, w.ID)
		wantKind(t, err, KindNotFound)

		// A test says what happened, and changes nothing.
		d, err := a.TestWebhook(ctx, anna, w.ID)
		if err != nil || d.State != "delivered" || d.EventType != zonehold.EventWebhookTest || len(d.Tries) != 1 || d.Tries[0].Status != 204 {
			t.Fatalf("test: %+v, %v", d, err)
		}
		code.Store(500)
		if d, err = a.TestWebhook(ctx, anna, w.ID); err != nil || d.State != "failed" || d.Tries[0].Error == "" {
			t.Fatalf("test: %+v, %v", d, err)
		}
		_, err = a.TestWebhook(ctx, bob, w.ID)
		wantKind(t, err, KindNotFound)

		// A real event, with the log.
		code.Store(204)
		create(t, a, anna, "example.com")
		var log Page[*Delivery]
		for end := time.Now().Add(3 * time.Minute); ; time.Sleep(5 * time.Millisecond) {
			if log, err = a.Deliveries(ctx, anna, w.ID, DeliveryQuery{State: "delivered", Limit: 1}); err != nil {
				t.Fatal(err)
			}
			if len(log.Items) == 1 && log.Items[0].EventType == zonehold.EventDomainCreated {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("not delivered: %+v", log)
			}
		}
		next, err := a.Deliveries(ctx, anna, w.ID, DeliveryQuery{State: "delivered", Limit: 1, Cursor: log.NextCursor})
		if err != nil || len(next.Items) != 1 || next.NextCursor != "" || next.Items[0].EventType != zonehold.EventWebhookTest {
			t.Errorf("second page %+v, %v", next, err)
		}
		_, err = a.Delivery(ctx, bob, log.Items[0].ID)
		wantKind(t, err, KindNotFound)
		_, err = a.ReplayDelivery(ctx, bob, log.Items[0].ID)
		wantKind(t, err, KindNotFound)
		for len(seen) > 0 {
			<-seen
		}
		if d, err = a.ReplayDelivery(ctx, anna, log.Items[0].ID); err != nil || d.ID != log.Items[0].ID {
			t.Fatalf("%+v, %v", d, err)
		}
		if again := recv(t, seen); again.Header.Get("webhook-id") != log.Items[0].EventID {
			t.Errorf("replayed as %s", again.Header.Get("webhook-id"))
		}

		// Versions, rotation, disabling.
		off, on := false, true
		_, err = a.UpdateWebhook(ctx, anna, w.ID, WebhookPatch{Enabled: &off}, w.Version+7)
		wantKind(t, err, KindPrecondition)
		rotated, second, err := a.RotateWebhook(ctx, anna, w.ID)
		if err != nil || second == secret || rotated.OldSecretUntil.IsZero() || rotated.Version != w.Version+1 {
			t.Fatalf("%+v, %v", rotated, err)
		}
		stopped, err := a.UpdateWebhook(ctx, anna, w.ID, WebhookPatch{Enabled: &off}, rotated.Version)
		if err != nil || stopped.Enabled || stopped.DisabledReason != DisabledByOwner || stopped.DisabledAt.IsZero() {
			t.Fatalf("%+v, %v", stopped, err)
		}
		create(t, a, anna, "missed.example.com")
		_, err = a.ReplayDelivery(ctx, anna, log.Items[0].ID)
		wantKind(t, err, KindConflict)
		_, err = a.ReplayWebhook(ctx, anna, w.ID, w.CreatedAt, false)
		wantKind(t, err, KindConflict)
		if started, err := a.UpdateWebhook(ctx, anna, w.ID, WebhookPatch{Enabled: &on}, 0); err != nil || !started.Enabled || started.DisabledReason != "" {
			t.Fatalf("%+v, %v", started, err)
		}
		_, err = a.ReplayWebhook(ctx, anna, w.ID, a.now().Add(time.Hour), false)
		wantKind(t, err, KindInvalid)
		_, err = a.ReplayWebhook(ctx, anna, w.ID, a.now().Add(-31*24*time.Hour), false)
		wantKind(t, err, KindInvalid)
		if n, err := a.ReplayWebhook(ctx, anna, w.ID, w.CreatedAt, false); err != nil || n != 1 {
			t.Errorf("%d replayed, %v", n, err)
		}

		for i := range webhookLimit - 1 {
			if _, _, err := a.CreateWebhook(ctx, anna, NewWebhook{URL: fmt.Sprint(r.URL, "/", i)}); err != nil {
				t.Fatal(err)
			}
		}
		_, _, err = a.CreateWebhook(ctx, anna, NewWebhook{URL: r.URL})
		wantKind(t, err, KindLimit)
		wantKind(t, a.DeleteWebhook(ctx, bob, w.ID, 0), KindNotFound)
		wantKind(t, a.DeleteWebhook(ctx, anna, w.ID, 1), KindPrecondition)
		if err := a.DeleteWebhook(ctx, anna, w.ID, 0); err != nil {
			t.Fatal(err)
		}
		all, err := a.Webhooks(ctx, anna)
		if err != nil || len(all) != webhookLimit-1 {
			t.Errorf("%d left, %v", len(all), err)
		}
		_, err = a.Deliveries(ctx, anna, w.ID, DeliveryQuery{})
		wantKind(t, err, KindNotFound)

		// Who did it is on record, without what a URL may hold.
		log2, err := a.Audit(ctx, anna, AuditQuery{Action: "webhook", Target: w.ID})
		if err != nil {
			t.Fatal(err)
		}
		var acts []string
		for _, e := range log2.Items {
			acts = append(acts, e.Action)
		}
		slices.Sort(acts)
		if got := strings.Join(slices.Compact(acts), " "); got != "webhook.create webhook.delete webhook.replay webhook.rotate webhook.test webhook.update" {
			t.Errorf("on record: %s", got)
		}
	})
}

// Failures carry the problem with its fixes, so that programs need not ask.
func TestEventsOfFailuresHoldTheProblem(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	a := start1(t, s, Config{Check: fixed(zonehold.MethodDNSTXT, zonehold.OutcomeAbsent)}, quick)
	who := actor(t, s, "anna")
	d := create(t, a, who, "example.com")
	wait(t, a, who, begin(t, a, who, d.ID, zonehold.MethodDNSTXT).ID)
	events, err := a.Events(t.Context(), who, "", 100, false)
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, e := range events {
		if e.Type != zonehold.EventDomainVerificationFailed {
			continue
		}
		found = true
		var data struct {
			Problem struct {
				Code, Title string
				Fixes       []string
				DocsURL     string `json:"docs_url"`
			}
		}
		if err := json.Unmarshal(e.Data, &data); err != nil || data.Problem.Code != "dns_record_missing" || data.Problem.Title == "" ||
			len(data.Problem.Fixes) == 0 || data.Problem.DocsURL == "" {
			t.Errorf("%s, %v", e.Data, err)
		}
	}
	if !found {
		t.Errorf("no failure among %v", events)
	}
}

// The list of types is whole.
func TestAllEventTypesAreListed(t *testing.T) {
	constant := regexp.MustCompile(`EventType = "([a-z_.]+)"`)
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, name := range append(files, "../../event.go") {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range constant.FindAllStringSubmatch(string(text), -1) {
			found++
			if !slices.Contains(allEventTypes, zonehold.EventType(m[1])) {
				t.Errorf("%s in %s is not in the list", m[1], name)
			}
		}
	}
	if found != len(allEventTypes) {
		t.Errorf("%d in the sources, %d in the list", found, len(allEventTypes))
	}
}
