package attacktest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/zonehold/zonehold/api"
	"github.com/zonehold/zonehold/client"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/verify"
)

// T33, T34: what a proof of one name gives of another one, through the API.
func TestT34Coverage(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, setting{})
		anna := w.person("anna", "anna@mailed.com")
		boss := w.operator()
		for _, h := range []struct{ host, method string }{{"dns.com", "dns_txt"}, {"cname.com", "dns_cname"}, {"file.com", "file"}, {"tag.com", "meta_tag"}, {"txtfile.com", "txt_file"}} {
			anna.owns(h.host, h.method)
		}
		for _, p := range []api.CreatePolicy{{Method: "whitelist", Pattern: "white.com"}, {Method: "waved", Pattern: "waved.com", Account: "anna"}, {Method: "back_office", Pattern: "office.com", Account: "anna"}, {Method: "pdd", Pattern: "pdd.com", Account: "anna"}, {Method: "auto", Pattern: "auto.com", Account: "anna"}} {
			p.By, p.Reason = "Olga", "test"
			if _, err := boss.CreatePolicy(t.Context(), p); err != nil {
				t.Fatal(err)
			}
			if d := anna.claim(p.Pattern); !d.Verified || deref(d.Method) != p.Method {
				t.Errorf("%s: %+v", p.Pattern, d.Problem)
			}
		}
		if d := anna.claim("mailed.com"); !d.Verified {
			t.Errorf("mailed.com: %+v", d.Problem)
		}
		// A proof deep down, and one of a customer of a platform.
		anna.owns("deep.down.victim.com", "dns_txt")
		anna.owns("anna.github.io", "file")
		anna.owns("shop.co.uk", "dns_txt")
		// A zone of its own, on servers of its own, below a proved name.
		w.Net.Zone("child.dns.com")
		// One with the same servers is the owner's own.
		for _, c := range []struct {
			in      api.CreateDomain
			covered bool
			codes   []string
		}{
			{api.CreateDomain{Hostname: "www.dns.com"}, true, nil},
			{api.CreateDomain{Hostname: "a.b.c.dns.com"}, true, nil},
			{api.CreateDomain{Hostname: "www.cname.com"}, true, nil},
			{api.CreateDomain{Hostname: "w.dns.com", Scheme: "http"}, true, nil},
			{api.CreateDomain{Hostname: "w.dns.com", Scheme: "https", Port: 8443}, true, nil},
			{api.CreateDomain{Hostname: "p.dns.com", Profile: "probely"}, true, nil},
			{api.CreateDomain{Hostname: "y.dns.com", Profile: "yandex"}, true, nil},
			{api.CreateDomain{Hostname: "www.file.com"}, false, []string{"parent_proof_too_narrow"}},
			{api.CreateDomain{Hostname: "www.file.com", Scheme: "https"}, false, []string{"parent_proof_too_narrow"}},
			{api.CreateDomain{Hostname: "www.tag.com"}, false, []string{"parent_proof_too_narrow"}},
			{api.CreateDomain{Hostname: "www.txtfile.com"}, false, []string{"parent_proof_too_narrow"}},
			{api.CreateDomain{Hostname: "www.white.com"}, false, []string{"parent_proof_too_narrow"}},
			{api.CreateDomain{Hostname: "www.waved.com"}, false, []string{"parent_proof_too_narrow"}},
			{api.CreateDomain{Hostname: "www.office.com"}, false, []string{"parent_proof_too_narrow"}},
			{api.CreateDomain{Hostname: "www.pdd.com"}, false, []string{"parent_proof_too_narrow"}},
			{api.CreateDomain{Hostname: "www.auto.com"}, false, []string{"parent_proof_too_narrow"}},
			{api.CreateDomain{Hostname: "www.mailed.com"}, false, []string{"parent_proof_too_narrow"}},
			{api.CreateDomain{Hostname: "victim.com"}, false, []string{"parent_not_verified"}},
			{api.CreateDomain{Hostname: "down.victim.com"}, false, []string{"parent_not_verified"}},
			{api.CreateDomain{Hostname: "x.down.victim.com"}, false, []string{"parent_not_verified"}},
			{api.CreateDomain{Hostname: "eepdeep.down.victim.com"}, false, []string{"parent_not_verified"}},
			{api.CreateDomain{Hostname: "other.github.io"}, false, []string{"parent_not_verified"}},
			{api.CreateDomain{Hostname: "x.anna.github.io"}, false, []string{"parent_proof_too_narrow"}},
			{api.CreateDomain{Hostname: "other.co.uk"}, false, []string{"parent_not_verified"}},
			{api.CreateDomain{Hostname: "xshop.co.uk"}, false, []string{"parent_not_verified"}},
			{api.CreateDomain{Hostname: "xdns.com"}, false, []string{"parent_not_verified"}},
			{api.CreateDomain{Hostname: "dns.com.evil.net"}, false, []string{"parent_not_verified"}},
			{api.CreateDomain{Hostname: "child.dns.com"}, false, []string{"parent_proof_too_narrow"}},
			{api.CreateDomain{Hostname: "x.child.dns.com"}, false, []string{"parent_proof_too_narrow"}},
			// The same name at another port is another server.
			{api.CreateDomain{Hostname: "file.com", Scheme: "https", Port: 8443}, false, []string{"parent_not_verified"}},
		} {
			d := anna.create(c.in)
			what := fmt.Sprintf("%+v", c.in)
			if d.Verified != c.covered || c.covered && (deref(d.Method) != "existing_domain" || deref(d.CoveredBy) == "") {
				t.Errorf("%s: %s by %s", what, d.State, deref(d.Method))
			}
			if !c.covered {
				anna.refuses(d.ID, "existing_domain", c.codes...)
				if at := anna.check(d.ID, ""); deref(at.Outcome) == "verified" {
					t.Errorf("%s: verified by %s", what, deref(at.Method))
				}
			}
		}
		for _, suffix := range []string{"com", "co.uk", "github.io", "uk"} {
			if _, _, err := anna.CreateDomain(t.Context(), api.CreateDomain{Hostname: suffix}); err == nil && suffix != "github.io" {
				t.Errorf("%s is claimed", suffix)
			}
		}
		// Another account has nothing of it.
		bob := w.person("bob", "")
		for _, host := range []string{"www.dns.com", "deep.down.victim.com", "x.deep.down.victim.com", "white.com.evil.net", "waved.com", "www.white.com"} {
			if d := bob.claim(host); d.Verified {
				t.Errorf("bob has %s by %s", host, deref(d.Method))
			}
		}
	})
}

// T34: the operator's laxer setting gives one host more, and stops at a name
// that somebody else serves.
func TestT34ParentCoversAny(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, setting{kit: func(k *verify.Kit) { k.ParentCoversAny = true }})
		anna := w.person("anna", "")
		parent := anna.owns("file.com", "file")
		child := anna.claim("www.file.com")
		if !child.Verified || deref(child.Covers) != "host" {
			t.Errorf("%s for the %s", child.State, deref(child.Covers))
		}
		// No chain of such rights, and none through a suffix or a zone cut.
		if d := anna.claim("a.www.file.com"); deref(d.CoveredBy) != "" && deref(d.CoveredBy) != parent.ID {
			t.Errorf("covered by %s", deref(d.CoveredBy))
		}
		w.Net.Zone("cut.file.com")
		for _, host := range []string{"cut.file.com", "x.cut.file.com"} {
			if d := anna.claim(host); d.Verified {
				t.Errorf("%s is verified", host)
			}
		}
		// An alias of a platform: whoever has the page there is not the owner.
		w.Net.Host("anna.github.io")
		d := anna.claim("alias.org")
		w.Net.Zone("www.alias.org") // its parents
		w.publish(d, "file")
		anna.proves(d.ID, "file")
		zone := w.Net.Zone("alias.org")
		zone.Remove("@", "A").Remove("@", "AAAA").Add("@", "CNAME", "anna.github.io.")
		if c := anna.claim("sub.alias.org"); c.Verified {
			t.Error("a proof on an alias covers a child")
		}
	})
}

// T34: a child becomes a zone of its own after it was covered.
func TestT34DelegatedLater(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, setting{})
		anna, bob := w.person("anna", ""), w.person("bob", "")
		anna.owns("shop.com", "dns_txt")
		child := anna.claim("sold.shop.com")
		if !child.Verified {
			t.Fatalf("%+v", child.Problem)
		}
		give(t, anna, api.CreateDelegation{Domain: "sold.shop.com", Account: "bob"})
		his := bob.claim("sold.shop.com")
		if !his.Verified {
			t.Fatalf("%+v", his.Problem)
		}
		w.Net.Zone("sold.shop.com")
		anna.refuses(child.ID, "existing_domain", "parent_proof_too_narrow")
		if d := anna.is(child.ID, "lapsed"); d.GraceEndsAt != nil {
			t.Errorf("grace until %v", d.GraceEndsAt)
		}
		bob.is(his.ID, "lapsed")
		bob.refuses(his.ID, "delegated", "delegation_cancelled")
		anna.is("shop.com", "verified")
	})
}

// T34, T45: whatever ends the proof of a parent takes what rests on it in the
// same moment: the children, what was delegated of them, and what rests on
// that; and nothing comes back by itself with a new claim.
func TestT34LosingTheParent(t *testing.T) {
	ways := map[string]func(t *testing.T, anna *account, d *api.Domain){
		"deleted": func(t *testing.T, anna *account, d *api.Domain) {
			if err := anna.DeleteDomain(t.Context(), d.ID); err != nil {
				t.Error(err)
			}
		},
		"other dialect": func(t *testing.T, anna *account, d *api.Domain) {
			if status, _, b := anna.send("DELETE", fmt.Sprintf("/v4/user/%d/hosts/http:%s:80", anna.user, d.Hostname), nil); status != 204 {
				t.Errorf("%d %s", status, b)
			}
		},
	}
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, setting{})
		anna, bob, carl := w.person("anna", ""), w.person("bob", ""), w.person("carl", "")
		for name, lose := range ways {
			host := strings.ReplaceAll(name, " ", "-") + ".com"
			in := api.CreateDomain{Hostname: host}
			if name == "other dialect" {
				in.Profile, in.Scheme = "yandex", "http"
			}
			d := anna.create(in)
			w.publish(d, "dns_txt")
			anna.proves(d.ID, "dns_txt")
			child := anna.claim("www." + host)
			deep := anna.claim("a.b." + host)
			give(t, anna, api.CreateDelegation{Domain: d.ID, Account: "bob"})
			give(t, anna, api.CreateDelegation{Domain: child.ID, Account: "carl"})
			give(t, anna, api.CreateDelegation{Domain: d.ID, Hostname: "given." + host, Account: "carl"})
			his, hers, hidden := bob.create(in), carl.claim("www."+host), carl.claim("given."+host)
			for _, v := range []*api.Domain{child, deep, his, hers, hidden} {
				if !v.Verified {
					t.Errorf("%s: %s is %s: %+v", name, v.Hostname, v.State, v.Problem)
				}
			}
			lose(t, anna, d)
			anna.is(child.ID, "lapsed")
			anna.is(deep.ID, "lapsed")
			bob.is(his.ID, "lapsed")
			carl.is(hers.ID, "lapsed")
			carl.is(hidden.ID, "lapsed")
			// The giver claims it again and proves it: what was given is dead.
			again := anna.create(in)
			w.publish(again, "dns_txt")
			anna.proves(again.ID, "dns_txt")
			for who, refs := range map[*account][]string{bob: {his.ID}, carl: {hers.ID, hidden.ID}} {
				for _, ref := range refs {
					who.refuses(ref, "delegated", "delegation_cancelled")
					if now := who.now(ref); now.Verified {
						t.Errorf("%s: %s is verified again", name, now.Hostname)
					}
				}
				page, err := who.Delegations(t.Context(), delegationsReceived)
				if err != nil {
					t.Fatal(err)
				}
				for _, del := range page.Items {
					if del.InForce {
						t.Errorf("%s: still in force: %+v", name, del)
					}
				}
			}
		}
	})
}

// T34: the parent changes its proof for one that reaches less far, lapses by
// its own check, or moves to another port.
func TestT34WeakerParent(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, setting{})
		anna, bob := w.person("anna", ""), w.person("bob", "")
		boss := w.operator()

		// Proved by DNS and by a file, of which the record goes.
		d := anna.owns("weaker.com", "dns_txt")
		child := anna.claim("www.weaker.com")
		give(t, anna, api.CreateDelegation{Domain: d.ID, Hostname: "given.weaker.com", Account: "bob"})
		his := bob.claim("given.weaker.com")
		w.publish(d, "file")
		w.Net.Zone("weaker.com").Remove("_zonehold-challenge", "TXT")
		anna.proves(d.ID, "file")
		anna.check(d.ID, "dns_txt")
		eventually(t, func() bool { return deref(anna.now(d.ID).Covers) == "host" })
		anna.becomes(child.ID, "lapsed")
		bob.becomes(his.ID, "lapsed")

		// By a policy, which is revoked.
		p, err := boss.CreatePolicy(t.Context(), api.CreatePolicy{Method: "back_office", Pattern: "policy.com", Account: "anna", By: "Olga", Reason: "x"})
		if err != nil {
			t.Fatal(err)
		}
		d = anna.claim("policy.com")
		give(t, anna, api.CreateDelegation{Domain: d.ID, Account: "bob"})
		his = bob.claim("policy.com")
		if !his.Verified {
			t.Errorf("%+v", his.Problem)
		}
		if r, err := boss.RevokePolicy(t.Context(), p.ID, "Olga", "over"); err != nil || r.Lapsed != 2 {
			t.Errorf("%+v %v", r, err)
		}
		anna.is(d.ID, "lapsed")
		bob.is(his.ID, "lapsed")

		// By a file, at a port that changes.
		d = anna.owns("port.com", "file")
		give(t, anna, api.CreateDelegation{Domain: d.ID, Account: "bob"})
		his = bob.claim("port.com")
		if !his.Verified {
			t.Errorf("%+v", his.Problem)
		}
		port := 8080
		if _, err := anna.UpdateDomain(t.Context(), d.ID, api.DomainPatch{Port: &port}); err != nil {
			t.Fatal(err)
		}
		anna.is(d.ID, "pending")
		bob.is(his.ID, "lapsed")
		bob.refuses(his.ID, "delegated", "delegation_cancelled")

		// A host proof is about one server: another port or scheme of the same
		// name is not given with it.
		d = anna.create(api.CreateDomain{Hostname: "one.com", Scheme: "https"})
		w.publish(d, "file")
		anna.proves(d.ID, "file")
		give(t, anna, api.CreateDelegation{Domain: d.ID, Account: "bob"})
		for _, in := range []api.CreateDomain{{Hostname: "one.com", Scheme: "http"}, {Hostname: "one.com", Scheme: "https", Port: 8443}, {Hostname: "www.one.com"}} {
			if v := bob.create(in); v.Verified {
				t.Errorf("%+v is verified", in)
			} else {
				bob.refuses(v.ID, "delegated", "parent_proof_too_narrow", "delegation_missing")
			}
		}
		v := bob.create(api.CreateDomain{Hostname: "one.com", Scheme: "https"})
		if !v.Verified {
			t.Errorf("%+v", v.Problem)
		}
		if _, err := bob.UpdateDomain(t.Context(), v.ID, api.DomainPatch{Port: &port}); err != nil {
			t.Fatal(err)
		}
		bob.refuses(v.ID, "delegated", "parent_proof_too_narrow")
		if now := bob.now(v.ID); now.Verified {
			t.Error("still verified at another port")
		}
	})
}

// T36: a name that is an alias of a stranger's proves itself alone.
func TestT36Alias(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, setting{})
		mallory := w.person("mallory", "")
		// The victim left an alias behind; the attacker has its target.
		w.Net.Zone("victim.com").Add("old", "CNAME", "mallory.github.io.").Add("*", "CNAME", "mallory.github.io.")
		site := w.Net.Host("mallory.github.io")
		d := mallory.claim("old.victim.com")
		ch := challenge(d, "file")
		site.Page(ch.File.Path, 200, "text/plain", ch.File.Content)
		at := mallory.check(d.ID, "file")
		if deref(at.Outcome) == "verified" && !slices.ContainsFunc(at.Notes, func(n api.Problem) bool { return strings.HasPrefix(n.Code, "http_alias") }) {
			t.Errorf("no word of the alias: %+v", at.Notes)
		}
		for _, host := range []string{"victim.com", "www.victim.com", "x.old.victim.com"} {
			c := mallory.claim(host)
			if c.Verified {
				t.Errorf("%s is verified", host)
			}
			mallory.refuses(c.ID, "existing_domain", "parent_not_verified", "parent_proof_too_narrow")
		}
		// An alias whose target nobody has.
		w.Net.Zone("victim.com").Add("gone", "CNAME", "nobody.github.io.")
		w.Net.Host("nobody.github.io").CatchAll(nobodysPage)
		gone := mallory.claim("gone.victim.com")
		at = mallory.refuses(gone.ID, "file")
		if !slices.ContainsFunc(at.Notes, func(n api.Problem) bool { return n.Code == "http_alias_dangling" }) && at.Problem.Code != "http_alias_dangling" {
			t.Errorf("%s, notes %+v", at.Problem.Code, at.Notes)
		}
	})
}

func give(t *testing.T, from *account, in api.CreateDelegation) *api.Delegation {
	t.Helper()
	d, err := from.Delegate(t.Context(), in)
	if err != nil {
		t.Fatalf("giving %+v: %v", in, err)
	}
	return d
}

var delegationsReceived = client.DelegationQuery{Direction: "received", All: true, Limit: 500}

// nobodysPage is what a platform shows under a name that nobody has claimed.
var nobodysPage = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
	w.WriteHeader(404)
	_, _ = w.Write([]byte("<p>There isn't a GitHub Pages site here.</p>"))
})
