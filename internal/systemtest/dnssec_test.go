package systemtest

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/zonehold/zonehold/probe"
	zdns "github.com/zonehold/zonehold/probe/dns"
)

// TestDNSSECLikeUnbound asks our resolver and Unbound the same questions about
// some hundred zones, signed well, badly and not at all, on servers of three
// makes. Both must say the same, and ours must say why.
func TestDNSSECLikeUnbound(t *testing.T) {
	needsPort53(t)
	w := newSignedWorld(t)
	w.topLevel()
	w.healthy()
	w.unsigned()
	w.wrong()
	w.wrongProofs()
	w.aliases()
	w.attacks()
	agreed := w.compare()
	if len(w.server) < 40 || agreed < 200 {
		t.Errorf("only %d zones, %d verdicts that are the same", len(w.server), agreed)
	}
}

// compare starts the servers, asks every question, and wants the verdicts to
// be the same. It returns how many are.
func (w *signedWorld) compare() (agreed int) {
	t := w.t
	t.Helper()
	u, lines := w.judgeAll()
	var table strings.Builder
	known := 0
	for i, c := range w.cases {
		l := lines[i]
		fmt.Fprintf(&table, "%-8s %-28s %-5s %-50s %-13s %-13s %s", c.server, c.name, dns.TypeToString[c.qtype], c.about, l.theirs.security, l.ours.security, l.ours.content)
		if l.ours.fault != nil {
			fmt.Fprintf(&table, " | %s: %s", l.ours.fault.Code, l.ours.fault.Text)
		}
		if l.theirs.why != "" {
			fmt.Fprintf(&table, " | Unbound: %s", l.theirs.why)
		}
		if c.differsBy != "" {
			fmt.Fprintf(&table, " | differs: %s", c.differsBy)
		}
		table.WriteByte('\n')
		problem := compare(c, l.theirs, l.ours)
		switch {
		case problem != "":
			t.Errorf("%s %s (%s, %s): %s\n  Unbound: %s\n  ours:    %s\n%s", c.name, dns.TypeToString[c.qtype], c.server, c.about, problem, l.theirs, l.ours, u.unchecked(c))
		case c.differs != "":
			known++
		default:
			agreed++
		}
	}
	t.Logf("%d questions about %d zones: %d verdicts are the same, %d differ as known\n%s", len(w.cases), len(w.server), agreed, known, table.String())
	return agreed
}

// unchecked is what Unbound answers when it does not validate.
func (u *unbound) unchecked(c signedQuestion) string {
	r, err := u.ask(c.name, c.qtype, true)
	if err != nil {
		return err.Error()
	}
	return r.String()
}

// verdicts on one question.
type verdicts struct{ theirs, ours verdict }

// judgeAll starts the servers and asks every question.
func (w *signedWorld) judgeAll() (*unbound, []verdicts) {
	t := w.t
	t.Helper()
	if len(w.knot) > 0 {
		startSigner(t, w.knot)
	}
	for name := range w.knot {
		if name == "knotwrongds.com" {
			w.net.Zone(name).SetDS("4711 13 2 " + strings.Repeat("ab", 32))
			continue
		}
		w.net.Zone(name).SetDS(dsOf(t, knotAddr, name)...)
	}
	files := map[string]string{}
	for _, z := range w.nsd {
		files[z.Name()] = z.MasterFile()
	}
	if len(files) > 0 {
		startNSD(t, files)
	}
	u := startUnbound(t, w.net.RootHints(), w.net.TrustAnchors())
	ours := w.resolver(t)

	lines := make([]verdicts, len(w.cases))
	var wg sync.WaitGroup
	slots := make(chan struct{}, 8)
	for i, c := range w.cases {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			lines[i] = verdicts{u.judge(c.name, c.qtype), judge(t.Context(), ours, c.name, c.qtype)}
		})
	}
	wg.Wait()
	return u, lines
}

// verdict is what one validator says.
type verdict struct {
	security zdns.Security
	content  string // code and last records, where it is not bogus
	why      string
	fault    *zdns.Fault
}

func (v verdict) String() string {
	s := fmt.Sprintf("%s %s %s", v.security, v.content, v.why)
	if v.fault != nil {
		s += fmt.Sprintf(" %s: %s", v.fault.Code, v.fault.Text)
	}
	return s
}

// compare is what is wrong with a pair of verdicts; "": nothing.
func compare(c signedQuestion, theirs, ours verdict) string {
	if c.want == "" {
		c.want = theirs.security
	}
	wantTheirs := c.want
	if c.differs != "" {
		wantTheirs = c.differs
	}
	switch {
	case theirs.security != wantTheirs && ours.security != c.want:
		return fmt.Sprintf("neither says %s", c.want)
	case theirs.security != wantTheirs:
		return fmt.Sprintf("Unbound does not say %s", wantTheirs)
	case ours.security != c.want:
		return fmt.Sprintf("ours does not say %s", c.want)
	case c.want != bogus && theirs.security != bogus && theirs.content != ours.content:
		return "the content differs"
	case c.want != bogus:
		return ""
	case ours.fault == nil || ours.fault.Text == "" || ours.fault.Code == "":
		return "no reason"
	case len(c.codes) > 0 && !slices.Contains(c.codes, ours.fault.Code):
		return fmt.Sprintf("the reason is not one of %q", c.codes)
	}
	return ""
}

// judge asks Unbound, again when it could not reach a server: machines may be
// busy.
func (u *unbound) judge(name string, qtype uint16) (v verdict) {
	for range 4 {
		if v = u.judgeOnce(name, qtype); v.security != "no answer" && !strings.HasPrefix(v.why, "EDE 22") && !strings.HasPrefix(v.why, "EDE 23") {
			break
		}
		time.Sleep(1100 * time.Millisecond) // until it has forgotten
	}
	return v
}

// judgeOnce: SERVFAIL that goes away with CD is bogus, AD is secure.
func (u *unbound) judgeOnce(name string, qtype uint16) verdict {
	r, err := u.ask(name, qtype, false)
	if err != nil {
		return verdict{security: "no answer", why: err.Error()}
	}
	v := verdict{security: insecure}
	if o := r.IsEdns0(); o != nil {
		for _, opt := range o.Option {
			if e, ok := opt.(*dns.EDNS0_EDE); ok {
				v.why = strings.TrimSpace(fmt.Sprintf("EDE %d %s", e.InfoCode, e.ExtraText))
			}
		}
	}
	switch {
	case r.Rcode == dns.RcodeServerFailure:
		v.security = bogus
		if r, err = u.ask(name, qtype, true); err != nil || r.Rcode == dns.RcodeServerFailure {
			v.security = "servfail"
		}
		return v
	case r.AuthenticatedData:
		v.security = secure
	}
	v.content = contentOf(r, qtype)
	return v
}

// contentOf is the code and the records of the type.
func contentOf(r *dns.Msg, qtype uint16) string {
	var texts []string
	for _, rr := range r.Answer {
		if rr.Header().Rrtype == qtype {
			texts = append(texts, rdataOf(rr.String()))
		}
	}
	return dns.RcodeToString[r.Rcode] + withRecords(qtype, texts)
}

// withRecords is the content of the answer. DNSKEY sets are told by their
// number only, as nobody reads them.
func withRecords(qtype uint16, texts []string) string {
	switch {
	case len(texts) == 0:
		return ""
	case qtype == dns.TypeDNSKEY:
		return fmt.Sprintf(" %d keys", len(texts))
	}
	slices.Sort(texts)
	return " " + strings.ToLower(strings.Join(texts, ", "))
}

// rdataOf cuts owner, TTL, class and type off a record.
func rdataOf(text string) string {
	f := strings.Fields(text)
	return strings.Join(f[min(4, len(f)):], " ")
}

// resolver is ours, in this world.
func (w *signedWorld) resolver(t *testing.T) *zdns.Resolver {
	t.Helper()
	roots, err := zdns.ParseRootHints(strings.NewReader(w.net.RootHints()))
	if err != nil {
		t.Fatal(err)
	}
	anchors, err := zdns.ParseTrustAnchors(strings.NewReader(w.net.TrustAnchors()))
	if err != nil {
		t.Fatal(err)
	}
	guard := probe.NewGuard(probe.GuardConfig{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	r, err := zdns.New(zdns.Config{Dialer: &probe.Dialer{Guard: guard}, Roots: roots, TrustAnchors: anchors, QueryTimeout: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if !r.Validating() {
		t.Fatal("ours does not validate")
	}
	return r
}

// worse orders states of a chain by what counts most.
var worse = []zdns.Security{secure, insecure, zdns.SecurityIndeterminate, bogus}

// judge asks our resolver. A chain of aliases is as good as its worst part.
func judge(ctx context.Context, r *zdns.Resolver, name string, qtype uint16) verdict {
	l, err := r.Lookup(ctx, name, qtype)
	if err == nil && l.ChainErr != nil {
		err = l.ChainErr
	}
	v := verdict{security: secure}
	if l != nil {
		for _, a := range l.Hops {
			if slices.Index(worse, a.Security) > slices.Index(worse, v.security) {
				v.security, v.fault = a.Security, a.Fault
			}
		}
	}
	if err != nil {
		v.why = err.Error()
		var f *zdns.Fault
		switch {
		case v.security == bogus:
		case errors.Is(err, zdns.ErrLoop), errors.Is(err, zdns.ErrChainTooLong):
			v.security = "servfail"
		case errors.As(err, &f) && errors.Is(err, zdns.ErrBogus):
			v.security, v.fault = bogus, f
		default:
			v.security = "error"
		}
		return v
	}
	if v.security == bogus {
		return v
	}
	var texts []string
	s, ok := l.Final().Agreed()
	if !ok {
		return verdict{security: "disagreement", why: fmt.Sprint(l.Final().Servers)}
	}
	for _, rec := range s.Records {
		if rec.Type == qtype {
			texts = append(texts, rdataOf(rec.Text))
		}
	}
	// What the proof shows counts, not the code in the header.
	code := dns.RcodeSuccess
	if s.Kind == zdns.KindNXDomain {
		code = dns.RcodeNameError
	}
	v.content = dns.RcodeToString[code] + withRecords(qtype, texts)
	return v
}
