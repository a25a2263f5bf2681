package attacktest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/api"
	"github.com/zonehold/zonehold/internal/app"
	"github.com/zonehold/zonehold/internal/store"
)

// T27: a stranger claims a name while its owner's proof is up, in every
// profile and by every method. The dialects that give one token to a whole
// account give another one to every account.
func TestT27SecondAccount(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		v := newService(t, s, app.Config{})
		owner, stranger := v.account("owner"), v.account("stranger")
		for _, profile := range zonehold.ProfileNames() {
			for _, method := range methods {
				host := strings.ReplaceAll(fmt.Sprintf("%s-%s.example.com", profile, method), "_", "-")
				in := api.CreateDomain{Hostname: host, Profile: string(profile)}
				mine := owner.create(in)
				v.publish(mine, method)
				if at := owner.check(mine.ID, method); at.Outcome == nil || *at.Outcome != "verified" {
					t.Fatalf("%s %s: %+v", profile, method, at)
				}
				his := stranger.create(in)
				if his.Verified {
					t.Errorf("%s: verified from the start", host)
				}
				for _, m := range append(methods, "") {
					at := stranger.check(his.ID, m)
					if at.Outcome == nil || *at.Outcome == "verified" {
						t.Errorf("%s %s: the stranger's %q is %+v", profile, method, m, at)
					}
					if at.Problem != nil {
						text := fmt.Sprintf("%+v %+v", *at.Problem, at.Notes)
						for _, word := range []string{"owner", owner.id, mine.ID} {
							if word != "owner" && strings.Contains(text, word) {
								t.Errorf("%s %s tells of %s: %s", profile, m, word, text)
							}
						}
					}
				}
				for _, a := range mine.Challenges {
					for _, b := range his.Challenges {
						if a.Token != nil && b.Token != nil && *a.Token == *b.Token {
							t.Errorf("%s: both accounts have the token of %s", host, a.Method)
						}
					}
				}
				if now, err := owner.Domain(t.Context(), mine.ID); err != nil || !now.Verified {
					t.Errorf("%s: the owner's claim changed: %+v %v", host, now, err)
				}
			}
		}
	})
}

// T27, T46: nothing of an account can be seen or touched by another one, also
// when it has just been looked at and may be in a cache.
func TestT27OtherPeoplesThings(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		v := newService(t, s, app.Config{})
		owner, stranger := v.account("owner"), v.account("stranger")
		d := owner.create(api.CreateDomain{Hostname: "www.example.com"})
		at := owner.check(d.ID, "dns_txt")
		events, err := owner.Events(t.Context(), "", 0)
		if err != nil || len(events) == 0 {
			t.Fatal(err)
		}
		site := owner.create(api.CreateDomain{Hostname: "www.example.com", Profile: "yandex", Scheme: "http"})
		_, _, listing := owner.send("GET", "/v1/domains?limit=1", nil)
		var page struct {
			NextCursor string `json:"next_cursor"`
		}
		if err := json.Unmarshal(listing, &page); err != nil || page.NextCursor == "" {
			t.Fatalf("%v %s", err, listing)
		}
		for range 2 {
			for _, path := range []string{"/v1/domains/" + d.ID, "/v1/domains/www.example.com", "/v1/attempts/" + at.ID} {
				if status, _, _ := owner.send("GET", path, nil); status != 200 {
					t.Errorf("the owner gets %d at %s", status, path)
				}
			}
			for _, call := range []string{
				"GET /v1/domains/" + d.ID, "GET /v1/domains/www.example.com", "PATCH /v1/domains/" + d.ID, "DELETE /v1/domains/" + d.ID, "POST /v1/domains/" + d.ID + "/attempts",
				"GET /v1/domains/" + d.ID + "/attempts", "GET /v1/attempts/" + at.ID, "GET /v1/attempts/" + at.ID + "/evidence", "DELETE /v1/domains/www.example.com",
			} {
				method, path, _ := strings.Cut(call, " ")
				var body []byte
				if method == "PATCH" || method == "POST" {
					body = []byte(`{}`)
				}
				status, _, b := stranger.send(method, path, body, "If-None-Match: *")
				if status != 404 {
					t.Errorf("%s: %d %s", call, status, b)
				}
				if bytes.Contains(b, []byte(*challenge(d, "dns_txt").Token)) {
					t.Errorf("%s tells the token", call)
				}
			}
			for _, path := range []string{"/v1/domains", "/v1/domains?cursor=" + page.NextCursor + "&limit=1", "/v1/events"} {
				_, _, b := stranger.send("GET", path, nil)
				for _, secret := range []string{d.ID, at.ID, site.ID, *challenge(d, "dns_txt").Token} {
					if bytes.Contains(b, []byte(secret)) {
						t.Errorf("%s holds %s: %s", path, secret, b)
					}
				}
			}
			if status, _, b := stranger.send("GET", "/v1/events?after="+events[0].ID, nil); status == 200 && bytes.Contains(b, []byte(d.ID)) {
				t.Errorf("events of others: %s", b)
			}
			for _, path := range []string{"", "/hosts", "/hosts/http:www.example.com:80", "/hosts/http:www.example.com:80/verification", "/hosts/http:www.example.com:80/owners"} {
				for _, user := range []int64{owner.user, stranger.user} {
					status, _, b := stranger.send("GET", fmt.Sprintf("/v4/user/%d%s", user, path), nil)
					if path == "/hosts" && user == stranger.user {
						if bytes.Contains(b, []byte("example.com")) {
							t.Errorf("hosts of others: %s", b)
						}
						continue
					}
					if status == 200 && (path != "" || user == owner.user) {
						t.Errorf("%d%s: %d %s", user, path, status, b)
					}
					if bytes.Contains(b, []byte(*challenge(site, "meta_tag").Token)) {
						t.Errorf("%d%s tells the code", user, path)
					}
				}
			}
		}
	})
}

// T44: the claim changes while a check of it runs that would have said yes.
func TestT44LateResults(t *testing.T) {
	changes := map[string]func(t *testing.T, who *account, d *api.Domain){
		"deleted": func(t *testing.T, who *account, d *api.Domain) {
			if err := who.DeleteDomain(t.Context(), d.ID); err != nil {
				t.Fatal(err)
			}
		},
		"deleted and claimed again": func(t *testing.T, who *account, d *api.Domain) {
			if err := who.DeleteDomain(t.Context(), d.ID); err != nil {
				t.Fatal(err)
			}
			who.create(api.CreateDomain{Hostname: d.Hostname})
		},
		"moved to another port": func(t *testing.T, who *account, d *api.Domain) {
			port := 8443
			if _, err := who.UpdateDomain(t.Context(), d.ID, api.DomainPatch{Port: &port}); err != nil {
				t.Fatal(err)
			}
		},
	}
	onBoth(t, func(t *testing.T, s *store.Store) {
		for name, change := range changes {
			t.Run(name, func(t *testing.T) {
				v := newService(t, s, app.Config{})
				who := v.account(fmt.Sprintf("anna-%d", time.Now().UnixNano()))
				d := who.create(api.CreateDomain{Hostname: "www.example.com"})
				asked, answer := make(chan bool, 100), make(chan bool)
				file := challenge(d, "file").File
				v.Net.Host("www.example.com").Handle(file.Path, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					asked <- true
					<-answer
					_, _ = io.WriteString(w, file.Content)
				}))
				at, err := who.StartAttempt(t.Context(), d.ID, "file", 0)
				if err != nil {
					t.Fatal(err)
				}
				select {
				case <-asked:
				case <-time.After(3 * time.Minute):
					t.Fatal("the file is never asked for")
				}
				change(t, who, d)
				close(answer)
				eventually(t, func() bool {
					got, err := s.Attempt(t.Context(), who.id, at.ID)
					return err == nil && got.State.Finished()
				})
				if got, err := s.Attempt(t.Context(), who.id, at.ID); err != nil || got.State != zonehold.AttemptCanceled || got.Outcome == zonehold.OutcomeVerified {
					t.Errorf("the attempt: %+v %v", got.Attempt, err)
				}
				time.Sleep(50 * time.Millisecond) // for a result that comes after all
				if now, err := who.Domain(t.Context(), "www.example.com"); err == nil && (now.Verified || now.State != "pending") {
					t.Errorf("the claim is %s", now.State)
				}
				rows, err := s.DomainsByID(t.Context(), []string{d.ID})
				if err != nil || rows[d.ID] != nil && rows[d.ID].State.Verified() {
					t.Errorf("the old row is verified: %v", err)
				}
				events, err := who.Events(t.Context(), "", 100)
				if err != nil {
					t.Fatal(err)
				}
				for _, e := range events {
					if e.Type == "domain.verified" {
						t.Errorf("an event says verified")
					}
				}
			})
		}
	})
}

// T45: what proved a claim does not prove the next one of the same name, by
// the same account or by another one.
func TestT45OldProofs(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		v := newService(t, s, app.Config{})
		who, next := v.account("before"), v.account("after")
		for _, method := range methods {
			host := strings.ReplaceAll(method, "_", "-") + ".example.com"
			d := who.create(api.CreateDomain{Hostname: host})
			v.publish(d, method)
			if at := who.check(d.ID, method); *at.Outcome != "verified" {
				t.Fatalf("%s: %+v", method, at)
			}
			if err := who.DeleteDomain(t.Context(), d.ID); err != nil {
				t.Fatal(err)
			}
			for _, again := range []*account{who, next} {
				e := again.create(api.CreateDomain{Hostname: host})
				if e.ID == d.ID || e.State != "pending" || e.VerifiedAt != nil || e.LastAttemptID != nil {
					t.Errorf("%s: the new claim has a past: %+v", method, e)
				}
				for _, old := range d.Challenges {
					for _, now := range e.Challenges {
						if old.Token != nil && now.Token != nil && *old.Token == *now.Token {
							t.Errorf("%s: the new claim has the old token of %s", method, old.Method)
						}
					}
				}
				at := again.check(e.ID, method)
				if *at.Outcome == "verified" {
					t.Errorf("%s: the old proof counts for the new claim", method)
				}
				if method == "dns_txt" && again == who && at.Problem.Code != "token_old" {
					t.Errorf("%s: problem %s, want token_old", method, at.Problem.Code)
				}
				if again == next && at.Problem.Code == "token_old" {
					t.Errorf("%s: a stranger is told that the token was once good", method)
				}
				if got := again.check(e.ID, ""); *got.Outcome == "verified" {
					t.Errorf("%s: verified by %v", method, got.Method)
				}
			}
			if got, err := who.Attempts(t.Context(), d.ID, 10, ""); err == nil {
				t.Errorf("the deleted claim still lists %d attempts", len(got.Items))
			}
		}
	})
}

// T46: nobody is blocked by an unproved claim, and both may prove it.
func TestT46TwoClaims(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		v := newService(t, s, app.Config{})
		squatter, owner := v.account("squatter"), v.account("owner")
		squatter.create(api.CreateDomain{Hostname: "www.example.com"})
		squatter.check("www.example.com", "dns_txt")
		d := owner.create(api.CreateDomain{Hostname: "www.example.com"})
		v.publish(d, "dns_txt")
		if at := owner.check(d.ID, "dns_txt"); *at.Outcome != "verified" {
			t.Errorf("%+v", at)
		}
		if e, err := squatter.Domain(t.Context(), "www.example.com"); err != nil || e.Verified {
			t.Errorf("%+v %v", e, err)
		}
		v.publish(must(squatter.Domain(t.Context(), "www.example.com")), "dns_txt")
		if at := squatter.check("www.example.com", "dns_txt"); *at.Outcome != "verified" {
			t.Errorf("both can prove it: %+v", at)
		}
	})
}

// T46: with one verified account per name, a fresh proof of another one does
// not pass silently.
func TestT46Exclusive(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		v := newService(t, s, app.Config{Exclusive: true})
		first, second := v.account("first"), v.account("second")
		third := v.account("third")
		third.create(api.CreateDomain{Hostname: "www.example.com"}) // never proved
		for i, who := range []*account{first, second} {
			d := who.create(api.CreateDomain{Hostname: "www.example.com"})
			v.publish(d, "dns_txt")
			at := who.check(d.ID, "dns_txt")
			if got := *at.Outcome == "verified"; got != (i == 0) {
				t.Errorf("account %d: %+v", i, at)
			}
			if i == 1 && (at.Problem == nil || at.Problem.Code != "claimed_by_other_account" || strings.Contains(fmt.Sprint(*at.Problem), "first")) {
				t.Errorf("%+v", at.Problem)
			}
		}
	})
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// T46: several accounts prove one name at the same moment, on two nodes. One
// of them has it.
func TestT46ExclusiveRace(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		v := newService(t, s, app.Config{Exclusive: true})
		w := v.another(s, app.Config{Exclusive: true})
		var people []*account
		for i := range 4 {
			node := []*service{v, w}[i%2]
			people = append(people, node.account(fmt.Sprintf("racer%d", i)))
		}
		for round := range 15 {
			host := fmt.Sprintf("r%d.example.com", round)
			var wg sync.WaitGroup
			start := make(chan bool)
			for _, who := range people {
				d := who.create(api.CreateDomain{Hostname: host})
				v.publish(d, "dns_txt")
				wg.Go(func() {
					<-start
					who.check(d.ID, "dns_txt")
				})
			}
			close(start)
			wg.Wait()
			verified := 0
			for _, who := range people {
				if d, err := who.Domain(t.Context(), host); err == nil && d.Verified {
					verified++
				}
			}
			if verified != 1 {
				t.Errorf("%s: %d accounts are verified", host, verified)
			}
		}
	})
}

// T12: all at once, on two nodes. Nodes do not wait for each other to count,
// so each may use the budget up once.
func TestT12ReflectorAtOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		const limit = 3
		v := newService(t, s, app.Config{TargetChecksPerHour: limit})
		w := v.another(s, app.Config{TargetChecksPerHour: limit})
		v.Net.Host("www.victim.com").CatchAll(http.NotFoundHandler())
		var wg sync.WaitGroup
		var mu sync.Mutex
		done := 0
		start := make(chan bool)
		for i := range 30 {
			who := []*service{v, w}[i%2].account(fmt.Sprintf("user%d", i))
			d := who.create(api.CreateDomain{Hostname: fmt.Sprintf("h%d.victim.com", i)})
			wg.Go(func() {
				<-start
				if _, err := who.StartAttempt(t.Context(), d.ID, "dns_txt", 20*time.Second); err == nil {
					mu.Lock()
					done++
					mu.Unlock()
				}
			})
		}
		close(start)
		wg.Wait()
		if done < limit || done > 2*limit {
			t.Errorf("%d checks ran; the limit is %d on each of 2 nodes", done, limit)
		}
		t.Logf("%d checks", done)
	})
}
