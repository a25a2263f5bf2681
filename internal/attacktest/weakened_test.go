package attacktest

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/api"
	"github.com/zonehold/zonehold/diagnose"
	"github.com/zonehold/zonehold/internal/app"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/verify"
)

// held makes checks of one method of one name wait, after their verdict and
// before it is written.
type held struct {
	name   zonehold.Hostname
	method zonehold.Method
	at     chan struct{} // closed when the first one is there
	go_    chan struct{} // closed to let them go on
	once   sync.Once
}

func hold(name string, m zonehold.Method) *held {
	return &held{name: zonehold.Hostname(name), method: m, at: make(chan struct{}), go_: make(chan struct{})}
}

func (h *held) check(ctx context.Context, kit *verify.Kit, method zonehold.Method, c verify.Claim) diagnose.Report {
	var r diagnose.Report
	if method == "" {
		r = diagnose.RunAll(ctx, kit, c)
	} else if m, ok := verify.Lookup(method); ok {
		r = diagnose.Run(ctx, kit, m, c)
	}
	if c.Hostname == h.name && method == h.method {
		h.once.Do(func() { close(h.at) })
		select {
		case <-h.go_:
		case <-ctx.Done():
		}
	}
	return r
}

// T34, T44: the giver's proof comes to reach less far while the receiver's
// check, which saw it reach far enough, runs: from a DNS record to a file.
func TestT44GiverWeakened(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		h := hold("x.shop.com", zonehold.MethodDelegated)
		w := newWorld(t, s, setting{app: app.Config{Check: h.check, CreateWait: -1}})
		anna, bob := w.person("anna", ""), w.person("bob", "")
		d := anna.owns("shop.com", "dns_txt")
		w.publish(d, "file")
		give(t, anna, api.CreateDelegation{Domain: "shop.com", Hostname: "x.shop.com", Account: "bob"})
		his := bob.claim("x.shop.com")
		at, err := bob.StartAttempt(t.Context(), his.ID, "delegated", 0)
		if err != nil {
			t.Fatal(err)
		}
		select {
		case <-h.at:
		case <-time.After(4 * patience):
			t.Fatal("the check never came to its verdict")
		}
		anna.proves(d.ID, "file")
		w.Net.Zone("shop.com").Remove("_zonehold-challenge", "TXT")
		anna.check(d.ID, "dns_txt")
		eventually(t, func() bool { return deref(anna.now(d.ID).Covers) == "host" })
		close(h.go_)
		if at, err = bob.WaitAttempt(t.Context(), at.ID); err != nil {
			t.Fatal(err)
		}
		if now := bob.now(his.ID); now.Verified {
			t.Errorf("%s, attempt %s: verified by a right that covers one host", now.State, deref(at.Outcome))
		}
	})
}

// T34, T44: the same for a child of the same account.
func TestT44ParentWeakened(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		h := hold("x.shop.com", zonehold.MethodExistingDomain)
		w := newWorld(t, s, setting{app: app.Config{Check: h.check, CreateWait: -1}})
		anna := w.person("anna", "")
		d := anna.owns("shop.com", "dns_txt")
		w.publish(d, "file")
		child := anna.claim("x.shop.com")
		if _, err := anna.StartAttempt(t.Context(), child.ID, "existing_domain", 0); err != nil {
			t.Fatal(err)
		}
		select {
		case <-h.at:
		case <-time.After(4 * patience):
			t.Fatal("the check never came to its verdict")
		}
		anna.proves(d.ID, "file")
		w.Net.Zone("shop.com").Remove("_zonehold-challenge", "TXT")
		anna.check(d.ID, "dns_txt")
		eventually(t, func() bool { return deref(anna.now(d.ID).Covers) == "host" })
		close(h.go_)
		eventually(t, func() bool { return anna.now(child.ID).RunningAttemptID == nil })
		if now := anna.now(child.ID); now.Verified {
			t.Errorf("%s: covered by a proof of one host", now.State)
		}
	})
}
