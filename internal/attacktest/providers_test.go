package attacktest

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zonehold/zonehold/api"
	"github.com/zonehold/zonehold/internal/app"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
	"github.com/zonehold/zonehold/testnet"
)

var (
	evilKey  = testnet.Route53Key{ID: "AKIAIOSFODNN7EVILKEY", Secret: "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", Account: "evil"}
	annasKey = testnet.Route53Key{ID: "AKIAIOSFODNN7ANNAKEY", Secret: "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", Account: "anna"}
)

const (
	evilToken  = "cfTokenOfMallory-0123456789abcdefghijklm"
	annasToken = "cfTokenOfAnna-0123456789abcdefghijklmnop"
)

func connectAWS(t *testing.T, who *account, k testnet.Route53Key) *api.Connection {
	t.Helper()
	c, err := who.Connect(t.Context(), api.CreateConnection{Provider: "aws_route53", Credentials: map[string]string{"access_key_id": k.ID, "secret_access_key": k.Secret}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func connectCloudflare(t *testing.T, who *account, token string) *api.Connection {
	t.Helper()
	c, err := who.Connect(t.Context(), api.CreateConnection{Provider: "cloudflare", Credentials: map[string]string{"api_token": token}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// T23, T24: anybody can make a zone of any name in an account. None of these
// is the one that the registry delegates.
func TestT23ForeignZones(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, setting{})
		w.aws.AddKey(evilKey).AddKey(annasKey).PageSize(2)
		w.cloudflare.AddToken(testnet.CloudflareToken{Value: evilToken, Account: "evil"}).AddToken(testnet.CloudflareToken{Value: annasToken, Account: "anna"})
		mallory, anna := w.person("mallory", ""), w.person("anna", "")
		connectAWS(t, mallory, evilKey)
		connectCloudflare(t, mallory, evilToken)
		connectAWS(t, anna, annasKey)
		connectCloudflare(t, anna, annasToken)

		cases := map[string]func(host string, real []string){
			"other-servers": func(host string, _ []string) { w.aws.AddZone(testnet.Route53Zone{Name: host, Account: "evil"}) },
			"edited-ns": func(host string, real []string) {
				w.aws.AddZone(testnet.Route53Zone{Name: host, Account: "evil", ApexNS: real})
			},
			"private": func(host string, real []string) {
				w.aws.AddZone(testnet.Route53Zone{Name: host, Account: "evil", Private: true, ApexNS: real})
			},
			"private-same": func(host string, real []string) {
				w.aws.AddZone(testnet.Route53Zone{Name: host, Account: "evil", Private: true, NameServers: real})
			},
			"several": func(host string, real []string) {
				for i := range 5 {
					w.aws.AddZone(testnet.Route53Zone{Name: host, Account: "evil", ApexNS: real, Private: i == 0})
				}
			},
			"one-of-two": func(host string, real []string) {
				w.aws.AddZone(testnet.Route53Zone{Name: host, Account: "evil", NameServers: real[:1]})
			},
			"one-more": func(host string, real []string) {
				w.aws.AddZone(testnet.Route53Zone{Name: host, Account: "evil", NameServers: append([]string{"ns-1.awsdns-01.net"}, real...)})
			},
			"parent-zone": func(_ string, real []string) {
				w.aws.AddZone(testnet.Route53Zone{Name: "com", Account: "evil", NameServers: real})
			},
			"child-zone": func(host string, real []string) {
				w.aws.AddZone(testnet.Route53Zone{Name: "www." + host, Account: "evil", NameServers: real})
			},
			"owners": func(host string, real []string) {
				w.aws.AddZone(testnet.Route53Zone{Name: host, Account: "anna", NameServers: real})
			},
			"cf-other": func(host string, _ []string) {
				w.cloudflare.AddZone(testnet.CloudflareZone{Name: host, Account: "evil"})
			},
			"cf-remembered": func(host string, real []string) {
				w.cloudflare.AddZone(testnet.CloudflareZone{Name: host, Account: "evil", OriginalNameServers: real})
			},
			"cf-pending": func(host string, real []string) {
				w.cloudflare.AddZone(testnet.CloudflareZone{Name: host, Account: "evil", Status: "pending", NameServers: real})
			},
			"cf-moved": func(host string, real []string) {
				w.cloudflare.AddZone(testnet.CloudflareZone{Name: host, Account: "evil", Status: "moved", NameServers: real})
			},
			"cf-initializing": func(host string, real []string) {
				w.cloudflare.AddZone(testnet.CloudflareZone{Name: host, Account: "evil", Status: "initializing", NameServers: real})
			},
			"cf-deactivated": func(host string, real []string) {
				w.cloudflare.AddZone(testnet.CloudflareZone{Name: host, Account: "evil", Status: "deactivated", NameServers: real})
			},
			"cf-strange": func(host string, real []string) {
				w.cloudflare.AddZone(testnet.CloudflareZone{Name: host, Account: "evil", Status: "Active", NameServers: real})
			},
			"cf-partial": func(host string, real []string) {
				w.cloudflare.AddZone(testnet.CloudflareZone{Name: host, Account: "evil", Type: "partial", NameServers: real})
			},
			"cf-secondary": func(host string, real []string) {
				w.cloudflare.AddZone(testnet.CloudflareZone{Name: host, Account: "evil", Type: "internal", NameServers: real})
			},
			"cf-paused": func(host string, _ []string) {
				w.cloudflare.AddZone(testnet.CloudflareZone{Name: host, Account: "evil", Paused: true})
			},
			"cf-owners": func(host string, real []string) {
				w.cloudflare.AddZone(testnet.CloudflareZone{Name: host, Account: "anna", NameServers: real})
			},
		}
		for name, prepare := range cases {
			host := name + "-victim.com"
			w.Net.Zone(host)
			prepare(host, w.servers(host))
			if d := mallory.claim(host); d.Verified {
				t.Errorf("%s verified by %s", host, deref(d.Method))
			}
			for _, m := range []string{"aws_route53", "cloudflare"} {
				mallory.refuses(host, m, "zone_not_in_account", "provider_zone_private", "provider_zone_pending")
			}
			if d := mallory.claim("www." + host); d.Verified {
				t.Errorf("www.%s verified by %s", host, deref(d.Method))
			}
		}
		// The owner's own connection helps the owner alone.
		for _, host := range []string{"owners-victim.com", "cf-owners-victim.com"} {
			d := anna.claim(host)
			if !d.Verified || deref(d.Covers) != "subtree" {
				t.Errorf("%s: %s %+v", host, d.State, d.Problem)
			}
			mallory.is(host, "pending")
		}
		// A zone at the very servers of the delegation, which answer nothing for
		// it: a lame delegation is an open door (threat T22).
		w.aws.AddZone(testnet.Route53Zone{Name: "lame.com", Account: "evil", NameServers: w.servers("lame.com")})
		for _, fault := range []testnet.Fault{testnet.FaultRefused, testnet.FaultServFail, testnet.FaultLame} {
			w.Net.Zone("lame.com").Servers()[1].Fault(fault)
			if fault == testnet.FaultRefused {
				if d := mallory.claim("lame.com"); d.Verified {
					t.Error("lame.com is verified")
				}
			}
			mallory.refuses("lame.com", "aws_route53")
			mallory.is("lame.com", "pending")
		}
		// A connection of another account cannot be seen, tried or removed.
		all, err := anna.Connections(t.Context())
		if err != nil || len(all) != 2 {
			t.Fatalf("%v %v", all, err)
		}
		for _, c := range all {
			for _, call := range []string{"POST /v1/connections/" + c.ID + "/test", "DELETE /v1/connections/" + c.ID, "DELETE /v1/connections/" + c.ID + "?force=true"} {
				method, path, _ := strings.Cut(call, " ")
				var body []byte
				if method == "POST" {
					body = []byte("{}")
				}
				if status, _, b := mallory.send(method, path, body); status != 404 && status != 400 {
					t.Errorf("%s: %d %s", call, status, b)
				}
			}
			if b := replyOf(mallory, "/v1/connections"); strings.Contains(b, c.ID) {
				t.Errorf("mallory sees %s", b)
			}
		}
		// Removed in use: only by force, and the proof goes with it.
		d := anna.now("owners-victim.com")
		fails(t, "removed in use", anna.Disconnect(t.Context(), deref(d.ProofSource), false), 409)
		anna.is(d.ID, "verified")
		if err := anna.Disconnect(t.Context(), deref(d.ProofSource), true); err != nil {
			t.Fatal(err)
		}
		anna.is(d.ID, "lapsed")
	})
}

// T23, T24, T14: the API of a provider in bad shape or bad hands.
func TestT24ProviderFaults(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]testnet.ProviderFault{
		"throttled": testnet.ProviderFaultThrottled, "unavailable": testnet.ProviderFaultUnavailable, "internal": testnet.ProviderFaultInternal, "html": testnet.ProviderFaultHTML,
		"garbage": testnet.ProviderFaultGarbage, "cut": testnet.ProviderFaultCut, "huge": testnet.ProviderFaultHuge, "redirect": testnet.ProviderFaultRedirect,
		"endless": testnet.ProviderFaultEndless, "echo": testnet.ProviderFaultEcho, "silent": testnet.ProviderFaultSilent,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, storetest.Open(t, storetest.SQLite(t)), setting{app: app.Config{CreateWait: -1}})
			w.aws.AddKey(evilKey)
			w.cloudflare.AddToken(testnet.CloudflareToken{Value: evilToken})
			anna := w.person("anna", "")
			connections := []*api.Connection{connectAWS(t, anna, evilKey), connectCloudflare(t, anna, evilToken)}
			w.aws.Fault(f, 0)
			w.cloudflare.Fault(f, 0)
			for i, in := range []api.CreateConnection{
				{Provider: "aws_route53", Name: "again", Credentials: map[string]string{"access_key_id": evilKey.ID, "secret_access_key": evilKey.Secret}},
				{Provider: "cloudflare", Name: "too", Credentials: map[string]string{"api_token": evilToken}},
			} {
				host := strings.ReplaceAll(in.Provider, "_", "-") + "-victim.com"
				w.Net.Zone(host)
				anna.claim(host)
				start := time.Now()
				var wg sync.WaitGroup
				wg.Go(func() { badProvider(t, anna, in, f) })
				wg.Go(func() {
					// A list without an end is one all the same: it is cut, and what
					// was seen of it does not hold the zone.
					at := anna.refuses(host, in.Provider, "provider_unavailable", "provider_token_rejected", "zone_not_in_account")
					if o := deref(at.Outcome); f != testnet.ProviderFaultEndless && o != "inconclusive" {
						t.Errorf("%s: outcome %s", in.Provider, o)
					}
				})
				wg.Go(func() {
					if c, err := anna.TestConnection(t.Context(), connections[i].ID); err != nil || c.Works && f != testnet.ProviderFaultEndless {
						t.Errorf("%s: tested %+v %v", in.Provider, c, err)
					} else if why := unclean(deref(c.TestError), 400); why != "" {
						t.Error(why)
					}
				})
				wg.Wait()
				if took := time.Since(start); took > patience {
					t.Errorf("%s took %v", in.Provider, took)
				}
			}
		})
	}
}

// badProvider wants credentials not to be taken, and not to be told.
func badProvider(t *testing.T, who *account, in api.CreateConnection, f testnet.ProviderFault) {
	_, err := who.Connect(t.Context(), in)
	if err == nil {
		if f != testnet.ProviderFaultEndless {
			t.Errorf("%s: connected", in.Provider)
		}
		return
	}
	e := fails(t, "connecting "+in.Provider, err, 422, 503)
	for _, secret := range []string{evilKey.Secret, evilToken} {
		if strings.Contains(fmt.Sprintf("%+v %+v", e, e.Problem), secret) {
			t.Errorf("%s: %+v holds the secret", in.Provider, e)
		}
	}
}

// T13, T23: credentials, those that work and those that do not, are in no
// reply, log line, event or evidence, and not in the database as they are.
func TestT13CredentialsAtRest(t *testing.T) {
	t.Parallel()
	storetest.EachConfig(t, func(t *testing.T, cfg store.Config) {
		t.Parallel()
		s := storetest.Open(t, cfg)
		w := newWorld(t, s, setting{})
		w.aws.AddKey(annasKey)
		w.cloudflare.AddToken(testnet.CloudflareToken{Value: annasToken})
		anna := w.person("anna", "")
		const wrongSecret, wrongToken, session = "WrongSecretWrongSecretWrongSecret0123456", "wrongTokenwrongTokenwrongToken0123456789", "SessionTokenSessionTokenSessionToken0123456789"
		var replies bytes.Buffer
		say := func(method, path, body string, headers ...string) int {
			t.Helper()
			var in []byte
			if body != "" {
				in = []byte(body)
			}
			status, h, b := anna.send(method, path, in, headers...)
			fmt.Fprintf(&replies, "%s %s\n%v\n%s\n", method, path, h, b)
			return status
		}
		aws := fmt.Sprintf(`{"provider":"aws_route53","credentials":{"access_key_id":%q,"secret_access_key":%q}}`, annasKey.ID, annasKey.Secret)
		if status := say("POST", "/v1/connections", aws, "Idempotency-Key: k"); status != 201 {
			t.Fatalf("%d %s", status, replies.String())
		}
		say("POST", "/v1/connections", aws, "Idempotency-Key: k")
		say("POST", "/v1/connections", fmt.Sprintf(`{"provider":"cloudflare","credentials":{"api_token":%q}}`, annasToken))
		for _, echo := range []bool{false, true} {
			if echo {
				w.aws.Fault(testnet.ProviderFaultEcho, 0)
				w.cloudflare.Fault(testnet.ProviderFaultEcho, 0)
			}
			for _, body := range []string{
				fmt.Sprintf(`{"provider":"aws_route53","credentials":{"access_key_id":%q,"secret_access_key":%q}}`, annasKey.ID, wrongSecret),
				fmt.Sprintf(`{"provider":"aws_route53","credentials":{"access_key_id":%q,"secret_access_key":%q,"session_token":%q}}`, annasKey.ID, wrongSecret, session),
				fmt.Sprintf(`{"provider":"aws_route53","credentials":{"api_token":%q}}`, wrongToken), fmt.Sprintf(`{"provider":"cloudflare","credentials":{"api_token":%q}}`, wrongToken),
				fmt.Sprintf(`{"provider":"cloudflare","credentials":{"api_token":%q}}`, wrongToken+"\\r\\nX-Y: z"), fmt.Sprintf(`{"provider":"cloudflare","credentials":{%q:"x"}}`, wrongToken), fmt.Sprintf(`{"provider":"cloudflare","credentials":{"api_token":%q}`, wrongToken),
				fmt.Sprintf(`{"provider":"cloudflare","name":"x","credentials":{"api_token":["%s"]}}`, wrongToken), fmt.Sprintf(`{"provider":"x","credentials":{"api_token":%q}}`, wrongToken), aws[:len(aws)-1],
			} {
				if status := say("POST", "/v1/connections", body); status < 400 {
					t.Errorf("%s: %d", body, status)
				}
			}
			all, err := anna.Connections(t.Context())
			if err != nil || len(all) != 2 {
				t.Fatalf("%+v %v", all, err)
			}
			for _, c := range all {
				say("POST", "/v1/connections/"+c.ID+"/test", "")
			}
			host := fmt.Sprintf("echo%v.com", echo)
			w.Net.Zone(host)
			d := anna.claim(host)
			for _, m := range []string{"aws_route53", "cloudflare"} {
				at := anna.check(d.ID, m)
				say("GET", "/v1/attempts/"+at.ID, "")
				say("GET", "/v1/attempts/"+at.ID+"/evidence", "")
			}
			for _, path := range []string{"/v1/domains/" + d.ID, "/v1/connections", "/v1/events?limit=500", "/v1/domains"} {
				say("GET", path, "")
			}
		}
		places := map[string][]byte{"a reply": replies.Bytes(), "the log": []byte(w.log.String())}
		if cfg.URL == "" {
			err := filepath.WalkDir(cfg.DataDir, func(path string, e os.DirEntry, err error) error {
				if err != nil || e.IsDir() {
					return err
				}
				b, err := os.ReadFile(path)
				places[filepath.Base(path)] = b
				return err
			})
			if err != nil || len(places) < 3 {
				t.Fatalf("%d files, %v", len(places), err)
			}
			if !bytes.Contains(bytes.Join([][]byte{places["zonehold.db"], places["zonehold.db-wal"]}, nil), []byte("echofalse.com")) {
				t.Error("the files of the database were not found")
			}
		}
		for where, b := range places {
			for _, secret := range []string{annasKey.Secret, annasToken, wrongSecret, wrongToken, session} {
				// Also a half of it, as it may be cut or escaped.
				if bytes.Contains(b, []byte(secret)) || bytes.Contains(b, []byte(secret[:20])) || bytes.Contains(b, []byte(secret[len(secret)-16:])) {
					at := bytes.Index(b, []byte(secret[:20]))
					t.Errorf("%s holds %s: %.300q", where, secret, b[max(0, at-150):min(len(b), max(0, at-150)+300)])
				}
			}
		}
	})
}
