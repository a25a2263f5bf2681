package probely_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/app"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
	"github.com/zonehold/zonehold/verify"
)

// TestFlowAutomatic: what proves a domain by itself does so before the 201,
// and what does not is no attempt.
func TestFlowAutomatic(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		svc := newService(t, s, app.Config{})
		c := svc.client("account", "")
		parent := c.add("parent-shop.com")
		svc.net.Zone("parent-shop.com").Add("@", "TXT", "Probely="+parent.Token)
		if v := c.verify(parent.ID, ""); !v.Verified || v.Method != "dns_txt" {
			t.Fatalf("the parent: %s", v)
		}
		operator := zonehold.Actor{Account: c.actor.Account, Scopes: []zonehold.Scope{zonehold.ScopeOperator}}
		allow := func(m zonehold.Method, pattern string) {
			t.Helper()
			_, err := svc.app.AddPolicy(t.Context(), operator, app.NewPolicy{Method: m, Pattern: pattern, Account: c.actor.Account.Name, By: "root", Reason: "a test"})
			if err != nil {
				t.Fatal(err)
			}
		}
		allow(zonehold.MethodWhitelist, "listed-shop.com")
		allow(zonehold.MethodWaved, "waved-shop.com")
		allow(zonehold.MethodBackOffice, "office-shop.com")
		allow(zonehold.MethodPDD, "pdd-shop.com")
		allow(zonehold.MethodAuto, "auto-shop.com")
		for _, tt := range []struct{ host, want string }{
			{"app.parent-shop.com", "existing_domain"},
			{"listed-shop.com", "whitelist"},
			{"waved-shop.com", "waved"},
			{"office-shop.com", "back_office"},
			{"pdd-shop.com", "whitelist"},
			{"auto-shop.com", "whitelist"},
			{"plain-shop.com", ""},
			{"app.listed-shop.com", ""},
		} {
			d := c.add(tt.host)
			if d.Verified != (tt.want != "") || d.Method != tt.want || (d.Date != nil) != d.Verified || d.LastError != "" {
				t.Errorf("want %q: %s", tt.want, d)
			}
			var shown domain
			if c.call("GET", "/domains/"+d.ID+"/", "", 200, &shown); shown.String() != d.String() {
				t.Errorf("read again: %s, want %s", shown, d)
			}
		}
		stranger := svc.client("stranger", "")
		for _, host := range []string{"app2.parent-shop.com", "listed-shop.com"} {
			d := stranger.add(host)
			if d.Verified || d.Method != "" {
				t.Errorf("of another account: %s", d)
			}
			if v := stranger.verify(d.ID, `{"type":"whitelist"}`); v.Verified || v.Method != "whitelist" || v.LastError == "" {
				t.Errorf("asked for: %s", v)
			}
		}
		var list struct{ Count int }
		if c.call("GET", "/domains/?verification_method=whitelist&verified=true", "", 200, &list); list.Count != 3 {
			t.Errorf("%d of the list", list.Count)
		}

		// A proof that rests on another goes with it.
		c.call("DELETE", "/domains/"+parent.ID+"/", "", 204, nil)
		deadline := time.Now().Add(time.Minute)
		for {
			var found struct {
				Results []domain
			}
			c.call("GET", "/domains/?search=app.parent-shop.com", "", 200, &found)
			if d := found.Results[0]; !d.Verified {
				if d.LastError == "" || d.Method != "existing_domain" || d.Date == nil {
					t.Errorf("without its parent: %s", d)
				}
				t.Log(d)
				break
			}
			if time.Now().After(deadline) {
				t.Fatal("the proof stands without its parent")
			}
			time.Sleep(10 * time.Millisecond)
		}
	})
}

// provider is a DNS provider with one account.
type provider struct{ zones []zonehold.HostedZone }

func (p provider) Open(id, name string, _ map[string]string) (verify.ZoneAccount, error) {
	return zoneAccount{id, name, p.zones}, nil
}

func (p provider) Test(context.Context, map[string]string) (string, error) { return "…cdef", nil }

type zoneAccount struct {
	id, name string
	zones    []zonehold.HostedZone
}

func (a zoneAccount) ID() string                { return a.id }
func (a zoneAccount) Name() string              { return a.name }
func (a zoneAccount) Provider() zonehold.Method { return zonehold.MethodCloudflare }
func (a zoneAccount) Zones(_ context.Context, names []string) ([]zonehold.HostedZone, error) {
	var found []zonehold.HostedZone
	for _, z := range a.zones {
		if slices.Contains(names, z.Name) {
			found = append(found, z)
		}
	}
	return found, nil
}

// TestFlowProvider: a domain that a connected account proves names the
// connection as its source, and a mail address of the account proves its own
// domain.
func TestFlowProvider(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		cloud := provider{[]zonehold.HostedZone{
			{ID: "z1", Name: "cloud-shop.com", Active: true, Status: "active", NameServers: []string{"ns1.cloud-shop.com", "ns2.cloud-shop.com"}},
			{ID: "z2", Name: "foreign-shop.com", Active: true, Status: "active", NameServers: []string{"anna.ns.cloud.example", "ben.ns.cloud.example"}},
		}}
		svc := newService(t, s, app.Config{Providers: map[zonehold.Method]app.Provider{zonehold.MethodCloudflare: cloud}})
		c := svc.client("account", "anna@mail-shop.com")
		svc.net.Zone("cloud-shop.com")
		svc.net.Zone("foreign-shop.com")
		con, err := svc.app.Connect(t.Context(), c.actor, app.NewConnection{
			Provider: zonehold.MethodCloudflare, Name: "Work", Credentials: map[string]string{"api_token": "0123456789abcdef0123456789abcdef01234567"}})
		if err != nil {
			t.Fatal(err)
		}
		d := c.add("cloud-shop.com")
		if !d.Verified || d.Method != "cloudflare" || d.Source.ID != app.ShortID(con.ID) || d.Source.Name != "Work" || d.LastError != "" {
			t.Errorf("in the account: %s", d)
		}
		// A zone of that name that nobody is led to is worth nothing.
		d = c.add("foreign-shop.com")
		if d.Verified || d.Method != "" || d.Source.Name != "" {
			t.Errorf("not delegated: %s", d)
		}
		if v := c.verify(d.ID, `{"type":"cloudflare"}`); v.Verified || v.Method != "cloudflare" || v.LastError == "" || v.Source.Name != "" {
			t.Errorf("asked for: %s", v)
		} else {
			t.Log(v.LastError)
		}
		if d := c.add("mail-shop.com"); !d.Verified || d.Method != "email" || d.Source.Name != "" {
			t.Errorf("of the mail address: %s", d)
		}
		var list struct{ Results []domain }
		if c.call("GET", "/domains/?source=Work", "", 200, &list); len(list.Results) != 1 || list.Results[0].Hostname != "cloud-shop.com" {
			t.Errorf("from that source: %+v", list)
		}
	})
}
