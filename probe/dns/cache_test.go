package dns

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestCacheAges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCache()
		com, uk := &Zone{Name: "com"}, &Zone{Name: "co.uk"}
		addrs := []netip.Addr{netip.MustParseAddr("45.1.1.1")}
		c.put(com, 172800)
		c.put(uk, 60)
		c.put(&Zone{Name: "net"}, 0)
		c.putHost("ns.example.net", addrs, 172800)
		c.putHost("short.example.net", addrs, 10)
		c.putHost("never.example.net", addrs, 0)

		if z := c.enclosing("a.example.com"); z != com {
			t.Errorf("com: %v", z)
		}
		if z := c.enclosing("example.co.uk"); z != uk {
			t.Errorf("co.uk: %v", z)
		}
		if z := c.enclosing("example.net"); z != nil {
			t.Errorf("TTL 0 was kept: %v", z)
		}
		_, long := c.host("ns.example.net")
		_, short := c.host("short.example.net")
		_, never := c.host("never.example.net")
		if !long || !short || never {
			t.Errorf("hosts: %v, %v, %v", long, short, never)
		}
		time.Sleep(60 * time.Second)
		if z := c.enclosing("example.co.uk"); z != nil {
			t.Errorf("co.uk outlived its TTL")
		}
		if _, ok := c.host("short.example.net"); ok {
			t.Error("host outlived its TTL")
		}
		time.Sleep(maxHostAge - 60*time.Second)
		if _, ok := c.host("ns.example.net"); ok {
			t.Error("host kept for more than five minutes")
		}
		time.Sleep(maxDelegationAge - maxHostAge - time.Second)
		if c.enclosing("com") != com {
			t.Error("com was forgotten too early")
		}
		time.Sleep(time.Second)
		if c.enclosing("com") != nil {
			t.Error("com kept for more than an hour")
		}
	})
}

func TestCacheIsBounded(t *testing.T) {
	c := newCache()
	addrs := []netip.Addr{netip.MustParseAddr("45.1.1.1")}
	for i := range maxHosts + 100 {
		c.putHost(fmt.Sprintf("ns%d.example.net", i), addrs, 300)
	}
	for i := range maxDelegations + 100 {
		c.put(&Zone{Name: fmt.Sprintf("t%d", i)}, 300)
	}
	if len(c.hosts) > maxHosts || len(c.delegations) > maxDelegations {
		t.Errorf("%d hosts, %d delegations", len(c.hosts), len(c.delegations))
	}
}

func TestCacheDrop(t *testing.T) {
	c := newCache()
	old, fresh := &Zone{Name: "com"}, &Zone{Name: "com"}
	c.put(old, 60)
	c.put(fresh, 60)
	c.drop(old) // somebody else has renewed it
	if c.enclosing("com") != fresh {
		t.Error("the renewed delegation was dropped")
	}
	c.drop(fresh)
	if c.enclosing("com") != nil {
		t.Error("not dropped")
	}
}

func TestOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCache()
		var runs atomic.Int32
		find := func() (step, error) {
			runs.Add(1)
			time.Sleep(time.Second)
			return step{zone: &Zone{Name: "com"}}, nil
		}
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				if st, err := c.once(context.Background(), "com", find); err != nil || st.zone.Name != "com" {
					t.Errorf("%+v, %v", st, err)
				}
			})
		}
		wg.Wait()
		if runs.Load() != 1 || len(c.flights) != 0 {
			t.Errorf("%d runs, %d flights left", runs.Load(), len(c.flights))
		}

		// The first caller goes away: another takes over. A waiter that goes
		// away does not wait.
		ctx, cancel := context.WithCancel(context.Background())
		wg.Go(func() {
			_, err := c.once(ctx, "net", func() (step, error) { <-ctx.Done(); return step{}, ctx.Err() })
			if !errors.Is(err, context.Canceled) {
				t.Errorf("first: %v", err)
			}
		})
		synctest.Wait()
		impatient, stop := context.WithTimeout(context.Background(), time.Millisecond)
		defer stop()
		if _, err := c.once(impatient, "net", find); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("impatient: %v", err)
		}
		wg.Go(func() {
			if st, err := c.once(context.Background(), "net", find); err != nil || st.zone == nil {
				t.Errorf("second: %+v, %v", st, err)
			}
		})
		synctest.Wait()
		cancel()
		wg.Wait()
		if runs.Load() != 2 {
			t.Errorf("%d runs", runs.Load())
		}
	})
}
