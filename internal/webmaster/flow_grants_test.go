package webmaster_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/app"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
	"github.com/zonehold/zonehold/testnet"
)

// actor is the client's account in the other APIs.
func (c *client) actor(scopes ...zonehold.Scope) zonehold.Actor {
	return zonehold.Actor{Account: c.account, Scopes: scopes}
}

var operator = zonehold.Actor{Scopes: []zonehold.Scope{zonehold.ScopeOperator}}

// becomes waits until the verification of a site has a state.
func (c *client) becomes(id, state string) verification {
	c.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		v := c.verification(id)
		if v.State == state {
			return v
		}
		if time.Now().After(deadline) {
			c.t.Fatalf("it does not become %s: %s", state, v)
		}
	}
}

type owner struct {
	Login string `json:"user_login"`
	UIN   string `json:"verification_uin"`
	Type  string `json:"verification_type"`
	Date  string `json:"verification_date"`
}

func (c *client) owners(id string) map[string]string {
	c.t.Helper()
	var body struct{ Users []owner }
	c.call("GET", c.hosts()+"/"+id+"/owners", "", 200, &body)
	out, uins := map[string]string{}, map[string]bool{}
	for _, o := range body.Users {
		out[o.Login] = o.Type
		uins[o.UIN] = true
		if _, err := time.Parse("2006-01-02T15:04:05.000-07:00", o.Date); err != nil {
			c.t.Errorf("the date of %s: %v", o.Login, err)
		}
	}
	if len(uins) != len(body.Users) {
		c.t.Errorf("owners share a code: %v", body.Users)
	}
	return out
}

// TestFlowDelegated: a right that another account gave makes a site VERIFIED
// when it is added, and its end is DELEGATION_CANCELLED.
func TestFlowDelegated(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		svc := newService(t, s, app.Config{})
		svc.net.Zone("shared-shop.com")
		owner, agency := svc.client("owner"), svc.client("agency")
		id := owner.add("http://shared-shop.com")
		if v := owner.verification(id); v.State != "NONE" || v.Type != "META_TAG" || v.Latest != nil || v.FailInfo != nil {
			t.Fatalf("with nothing on record: %s", v)
		}
		svc.net.Zone("shared-shop.com").Add("@", "TXT", "yandex-verification: "+owner.verification(id).UIN)
		if v := owner.verify(id, "DNS"); v.State != "VERIFIED" {
			t.Fatal(v)
		}
		given, err := svc.app.Delegate(t.Context(), owner.actor(zonehold.ScopeAdmin), app.NewDelegation{Domain: "shared-shop.com", Account: "agency"})
		if err != nil {
			t.Fatal(err)
		}

		agency.add("http://shared-shop.com")
		v := agency.becomes(id, "VERIFIED")
		if v.Type != "DELEGATED" || v.FailInfo != nil || v.Latest == nil || len(v.UIN) != 32 {
			t.Errorf("added by the other account: %s", v)
		}
		agency.call("GET", agency.hosts()+"/"+id+"/summary", "", 200, nil)
		want := map[string]string{"owner": "DNS", "agency": "DELEGATED"}
		for _, c := range []*client{owner, agency} {
			if diff := cmp.Diff(want, c.owners(id)); diff != "" {
				t.Error(diff)
			}
		}

		if _, err := svc.app.RevokeDelegation(t.Context(), owner.actor(zonehold.ScopeAdmin), given.ID, "campaign over"); err != nil {
			t.Fatal(err)
		}
		v = agency.becomes(id, "VERIFICATION_FAILED")
		if v.Type != "DELEGATED" || v.FailInfo == nil || v.FailInfo.Reason != "DELEGATION_CANCELLED" || v.Latest == nil ||
			!strings.Contains(v.FailInfo.Message, "campaign over") {
			t.Errorf("taken back: %s", v)
		}
		agency.call("GET", agency.hosts()+"/"+id+"/summary", "", 404, nil)
		if diff := cmp.Diff(map[string]string{"owner": "DNS"}, owner.owners(id)); diff != "" {
			t.Error(diff)
		}
		// The site can still be verified in another way.
		svc.net.Zone("shared-shop.com").Add("@", "TXT", "yandex-verification: "+v.UIN)
		if v := agency.verify(id, "DNS"); v.State != "VERIFIED" || v.Type != "DNS" {
			t.Errorf("by a record of its own: %s", v)
		}
	})
}

// TestFlowPolicies: what the operator runs or approves, in the words of the
// dialect, from the adding of a site to the end of the act.
func TestFlowPolicies(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		svc := newService(t, s, app.Config{})
		c := svc.client("shop")
		for _, tt := range []struct {
			method        zonehold.Method
			pattern, host string
			kind, reason  string
		}{
			{zonehold.MethodPDD, "mail-shop.com", "mail-shop.com", "PDD", "PDD_VERIFICATION_CANCELLED"},
			{zonehold.MethodAuto, "{account}.pages-shop.com", "shop.pages-shop.com", "AUTO", "META_TAG_NOT_FOUND"},
			{zonehold.MethodBackOffice, "approved-shop.com", "approved-shop.com", "AUTO", "META_TAG_NOT_FOUND"},
			{zonehold.MethodWhitelist, "*.listed-shop.com", "a.listed-shop.com", "DELEGATED", "DELEGATION_CANCELLED"},
		} {
			p, err := svc.app.AddPolicy(t.Context(), operator, app.NewPolicy{Method: tt.method, Pattern: tt.pattern, Account: "shop", By: "carol", Reason: "contract"})
			if err != nil {
				t.Fatalf("%s: %v", tt.method, err)
			}
			id := c.add("https://" + tt.host)
			if v := c.becomes(id, "VERIFIED"); v.Type != tt.kind {
				t.Errorf("%s: %s", tt.method, v)
			}
			if diff := cmp.Diff(map[string]string{"shop": tt.kind}, c.owners(id)); diff != "" {
				t.Error(diff)
			}
			if _, n, err := svc.app.RevokePolicy(t.Context(), operator, p.ID, "carol", "contract over"); err != nil || n != 1 {
				t.Fatalf("%s: %d, %v", tt.method, n, err)
			}
			v := c.becomes(id, "VERIFICATION_FAILED")
			if v.Type != tt.kind || v.FailInfo == nil || v.FailInfo.Reason != tt.reason || len(v.FailInfo.Message) < 20 {
				t.Errorf("%s taken back: %s", tt.method, v)
			}
		}
	})
}

// TestFlowWHOIS: by the contact of the registration, under v3 only.
func TestFlowWHOIS(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		svc := newService(t, s, app.Config{})
		svc.net.Zone("registered-shop.com")
		c := svc.clientAt("shop", "olga@mail-of-olga.com")
		id := c.add("http://registered-shop.com")
		below := c.add("http://www.registered-shop.com")
		v3 := fmt.Sprintf("/v3/user/%d/hosts/", c.user)
		var v verification
		verify := func(state string) {
			t.Helper()
			for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
				if status, _ := c.send("POST", v3+id+"/verification/?verification_type=WHOIS", ""); status == 200 {
					break
				}
				if time.Now().After(deadline) {
					t.Fatal("no check can be started")
				}
			}
			for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
				c.call("GET", v3+id+"/verification/", "", 200, &v)
				if v.State == state {
					return
				}
				if v.State != "IN_PROGRESS" || time.Now().After(deadline) {
					t.Fatalf("want %s: %s", state, v)
				}
			}
		}
		c.call("GET", v3+id+"/verification/", "", 200, &v)
		if got := strings.Join(v.Applicable, " "); got != "META_TAG HTML_FILE DNS WHOIS" {
			t.Errorf("applicable under v3: %s", got)
		}
		if got := strings.Join(c.verification(id).Applicable, " "); got != "META_TAG HTML_FILE DNS" {
			t.Errorf("applicable under v4: %s", got)
		}
		var lower verification
		c.call("GET", v3+below+"/verification/", "", 200, &lower)
		if got := strings.Join(lower.Applicable, " "); got != "META_TAG HTML_FILE DNS" {
			t.Errorf("applicable below the registration: %s", got)
		}
		c.call("POST", v3+below+"/verification/?verification_type=WHOIS", "", 400, nil)
		c.call("POST", c.hosts()+"/"+id+"/verification?verification_type=WHOIS", "", 400, nil)

		messages := map[string]bool{}
		for name, contact := range map[string]testnet.Person{
			"somebody else's": {Name: "Igor", Email: "igor@mail-of-igor.com"}, "hidden": {Redacted: true}, "none": {},
		} {
			svc.registries.Register(testnet.Registration{Domain: "registered-shop.com", Registrant: contact})
			verify("VERIFICATION_FAILED")
			if v.Type != "WHOIS" || v.FailInfo.Reason != "WHOIS_EMAIL_NOT_FOUND" || len(v.FailInfo.Message) < 20 {
				t.Errorf("%s contact: %s", name, v)
			}
			t.Log(v.FailInfo.Message)
			messages[v.FailInfo.Message] = true
		}
		if len(messages) != 3 {
			t.Errorf("the reasons do not differ: %v", messages)
		}
		svc.registries.Register(testnet.Registration{Domain: "registered-shop.com", Admin: testnet.Person{Name: "Olga", Email: "olga@mail-of-olga.com"}})
		verify("VERIFIED")
		if v.Type != "WHOIS" || v.FailInfo != nil {
			t.Errorf("the account's own contact: %s", v)
		}
		if v := c.verification(id); v.State != "VERIFIED" || v.Type != "AUTO" {
			t.Errorf("under v4: %s", v)
		}
		if v := c.becomes(below, "VERIFIED"); v.Type != "DELEGATED" {
			t.Errorf("below a proved registration: %s", v)
		}
	})
}
