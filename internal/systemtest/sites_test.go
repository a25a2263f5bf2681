package systemtest

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/testnet"
)

// How far a site is with its proof.
const (
	right   = "right"
	wrong   = "wrong"
	missing = "missing"
)

// site is one domain of the fake internet, claimed by one account.
type site struct {
	name  string
	kind  string // DNS, HTML_FILE or META_TAG
	proof string // right, wrong or missing
	slow  bool
	early bool // verified before anything happens
	asked bool // has a check that crashes meet

	url, hostID, uin string
	seen             verification // last seen end of a check
}

// end is how a check of the site must end.
func (s *site) end() (state, reason, code string) {
	switch {
	case s.proof == right:
		return "VERIFIED", "", ""
	case s.kind == "DNS":
		return "VERIFICATION_FAILED", "DNS_RECORD_NOT_FOUND", s.pick("dns_value_mismatch", "dns_record_missing")
	case s.kind == "HTML_FILE":
		return "VERIFICATION_FAILED", "WRONG_HTML_PAGE_CONTENT", s.pick("file_wrong_content", "http_not_found")
	}
	return "VERIFICATION_FAILED", "META_TAG_NOT_FOUND", s.pick("meta_value_mismatch", "meta_missing")
}

func (s *site) pick(ifWrong, ifMissing string) string {
	if s.proof == wrong {
		return ifWrong
	}
	return ifMissing
}

// internet is a network for a server in another process, with sites at one
// DNS hoster.
type internet struct {
	*testnet.Network
	hoster *testnet.Hoster
	sites  []*site
}

// Answers of slow sites come that late. The program gives a name server 1.5 s
// and a web server much more.
const (
	slowDNS = 500 * time.Millisecond
	slowWeb = 2 * time.Second
)

func newInternet(t *testing.T) *internet {
	t.Helper()
	n, err := testnet.NewOnLoopback(testnet.Ports{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	return &internet{Network: n, hoster: n.Hoster("dns-host.net")}
}

// settings are the environment of a server that lives in this internet.
func (n *internet) settings(t *testing.T) []string {
	t.Helper()
	dir := t.TempDir()
	hints, ca := filepath.Join(dir, "root.hints"), filepath.Join(dir, "ca.pem")
	write(t, hints, n.RootHints())
	if err := os.WriteFile(ca, n.CA(), 0o600); err != nil {
		t.Fatal(err)
	}
	p := n.Ports()
	return []string{
		"SSL_CERT_FILE=" + ca, "ZONEHOLD_DNS_ROOT_HINTS=" + hints, fmt.Sprintf("ZONEHOLD_DNS_PORT=%d", p.DNS),
		fmt.Sprintf("ZONEHOLD_HTTP_PORTS=%d,%d", p.HTTP, p.HTTPS), "ZONEHOLD_EGRESS_ALLOW=127.0.0.0/8", "ZONEHOLD_DNS_RESOLVERS=",
		"ZONEHOLD_CHECKS_PER_MINUTE=100000", "ZONEHOLD_TARGET_CHECKS_PER_HOUR=100000",
		"ZONEHOLD_LOG_LEVEL=warn",
	}
}

// grow adds n sites of each way to prove, in turn.
func (n *internet) grow(count int, like site) {
	for range count {
		s := like
		i := len(n.sites)
		s.name = fmt.Sprintf("site%03d.com", i)
		s.kind = []string{"DNS", "HTML_FILE", "META_TAG"}[i%3]
		s.url = "http://" + s.name
		if i%2 == 1 {
			s.url = "https://" + s.name
		}
		n.sites = append(n.sites, &s)
	}
}

// pick are the sites for which want is true.
func (n *internet) pick(want func(*site) bool) []*site {
	var out []*site
	for _, s := range n.sites {
		if want(s) {
			out = append(out, s)
		}
	}
	return out
}

// claim adds every site in the dialect, then publishes what each of them has.
func (n *internet) claim(t *testing.T, w *webmaster) {
	t.Helper()
	each(t, n.sites, func(s *site) (err error) {
		if s.hostID, err = w.add(s.url); err != nil {
			return err
		}
		v, err := w.verification(s.hostID)
		if err == nil && (v.State != "NONE" || v.UIN == "") {
			err = fmt.Errorf("%s after it was added: %s, code %q", s.name, v, v.UIN)
		}
		s.uin = v.UIN
		return err
	})
	for _, s := range n.sites {
		n.publish(s)
	}
}

func (n *internet) publish(s *site) {
	token := s.uin
	if s.proof == wrong {
		token = strings.Repeat("0123456789abcdef", 2)
	}
	profile, _ := zonehold.ProfileByName(zonehold.ProfileYandex)
	zone := n.ZoneAt(s.name, n.hoster).Add("@", "TXT", "v=spf1 -all")
	host, tag := n.Host(s.name), ""
	switch {
	case s.proof == missing:
	case s.kind == "DNS":
		zone.Add("@", "TXT", "yandex-verification: "+token)
	case s.kind == "HTML_FILE":
		// The name has the code of the claim, else nobody would look there.
		host.Handle(profile.FilePath(s.uin), s.page("<html><head></head><body>Verification: "+token+"</body></html>"))
	default:
		tag = `<meta name="yandex-verification" content="` + token + `">`
	}
	host.Handle("/", s.page("<html><head><title>Shop</title>"+tag+"</head><body>Hello</body></html>"))
	if s.slow {
		n.slow(s)
	}
}

func (n *internet) slow(s *site) {
	for _, ns := range n.ZoneAt(s.name, n.hoster).Servers() {
		ns.Delay(slowDNS)
	}
}

func (s *site) page(body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.slow {
			select {
			case <-time.After(slowWeb):
			case <-r.Context().Done():
			}
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte(body))
	})
}

// busy counts the sites among those given that were asked for something since
// then, so whose checks run.
func (n *internet) busy(sites []*site, since time.Time) int {
	asked := map[string]bool{}
	for _, q := range n.Queries() {
		if q.Time.After(since) {
			asked[q.Name] = true
		}
	}
	count := 0
	for _, s := range sites {
		if asked[s.name] {
			count++
		}
	}
	return count
}

// look reads the state of sites, holds what has ended to what it must be, and
// returns how many checks have not.
func (n *internet) look(t *testing.T, w *webmaster, sites []*site) (running int) {
	t.Helper()
	states := make(chan verification, len(sites))
	each(t, sites, func(s *site) error {
		v, err := w.verification(s.hostID)
		if err != nil {
			return err
		}
		states <- v
		if v.State == "IN_PROGRESS" {
			if s.seen.State != "" && !s.early {
				return fmt.Errorf("%s has begun again after %s", s.name, s.seen)
			}
			return nil
		}
		state, reason, _ := s.end()
		if v.State != state || v.reason() != reason || v.Type != s.kind || v.UIN != s.uin {
			return fmt.Errorf("%s with a %s %s: %s, want %s %s", s.name, s.proof, s.kind, v, state, reason)
		}
		s.seen = v
		return nil
	})
	close(states)
	for v := range states {
		if v.State == "IN_PROGRESS" {
			running++
		}
	}
	return running
}

// stillVerified holds sites that were verified to that.
func (n *internet) stillVerified(t *testing.T, w *webmaster, sites []*site) {
	t.Helper()
	verified, err := w.verified()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range sites {
		if !verified[s.hostID] {
			t.Errorf("%s has lost its rights", s.name)
		}
	}
}
