package diagnose

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	miekg "github.com/miekg/dns"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/probe/dns"
	"github.com/zonehold/zonehold/problem"
	"github.com/zonehold/zonehold/verify"
)

// wanted is the value that would prove the claim, and what is like it.
type wanted struct {
	token    string
	expected string // the whole line
	prefix   string // what stands before the token in it
	bare     bool   // the token alone counts too
	txt      verify.TXTValue
	old      []verify.OldToken
	profile  zonehold.ProfileName
}

func newWanted(c verify.Claim, ch zonehold.Challenge) wanted {
	w := wanted{token: ch.Token, old: c.Old, profile: c.Profile, txt: verify.NewTXTValue(c.Profile, ch.Token)}
	switch {
	case ch.Record != nil:
		w.expected = ch.Record.Value
	case ch.File != nil:
		w.expected = ch.File.Content
	case ch.Tag != nil:
		w.expected = ch.Tag.Content
	}
	if w.token != "" {
		w.prefix, _, _ = strings.Cut(w.expected, w.token)
	}
	if p, ok := zonehold.ProfileByName(c.Profile); ok && ch.Record != nil && ch.Record.Type == "TXT" {
		w.bare = p.TXT.KeyValue
	}
	return w
}

// proves reports whether a record of the wanted type has the right value.
func (w wanted) proves(r dns.Record) bool {
	if r.Type == miekg.TypeTXT {
		return w.txt.Matches(r.TXT()) != verify.NoMatch
	}
	return strings.EqualFold(r.Target, w.expected)
}

// holds reports whether foreign text contains the secret, however wrapped.
func (w wanted) holds(s string) bool {
	return len(w.token) >= 16 && strings.Contains(strings.ToLower(s), strings.ToLower(w.token))
}

// miss is one way in which a value differs from the wanted one.
type miss struct {
	rank  int // position on the ladder; lower says more
	code  problem.Code
	facts []string
}

const quoteMarks = "\"'`\\"

// curly are the quote marks that word processors make, the low and the
// pointed ones of other languages among them.
const curly = "\u201c\u201d\u201e\u201f\u2018\u2019\u201a\u201b\u00ab\u00bb\u2039\u203a\u2033\u2032\uff02"

// ladder compares one TXT value with the wanted one, step by step from the
// smallest difference to the largest. It returns nil when the value is not
// recognisably meant to be ours.
func (w wanted) ladder(ctx context.Context, strs []string, other func(context.Context, string) bool) *miss {
	value := strings.Join(strs, "")
	v := verify.TrimInvisible(strings.ToValidUTF8(value, "\ufffd"))
	is := func(s string) bool { return w.txt.Matches(s) != verify.NoMatch }
	got := []string{problem.FactGot, value}
	if w.token == "" || v == "" || is(value) {
		return nil
	}
	if s := strip(v, quoteMarks); s != v && is(s) {
		return &miss{0, "dns_value_quoted", got}
	}
	if s := strip(v, quoteMarks+curly); s != v && is(s) {
		return &miss{1, "dns_value_smart_quotes", got}
	}
	if len(strs) > 1 && is(strings.Join(strs, " ")) {
		return &miss{2, "dns_value_split_on_space", got}
	}
	if s := squeeze(v); s != v && (s == squeeze(w.expected) || is(s)) {
		return &miss{3, "dns_value_whitespace", got}
	}
	if is(strings.ToLower(v)) || strings.EqualFold(v, w.expected) || w.bare && strings.EqualFold(v, w.token) {
		return &miss{4, "dns_value_case_changed", got}
	}
	if date, ok := w.isOld(v); ok {
		return &miss{5, "token_old", append(got, problem.FactOldDate, date)}
	}
	if low := strings.ToLower(v); strings.Contains(low, "<meta") || strings.Contains(low, "<") && w.holds(v) {
		return &miss{6, "dns_value_is_html", got}
	}
	if w.placeholder(v) {
		return &miss{7, "value_placeholder", got}
	}
	if strings.EqualFold(v, w.token) || w.keyAlone(v) || w.otherKey(v) {
		return &miss{8, "dns_value_key_missing", got}
	}
	if detail, ok := w.truncated(v); ok {
		return &miss{9, "dns_value_truncated", append(got, problem.FactDetail, detail)}
	}
	if t := w.tokenIn(v); t != "" && other != nil && other(ctx, t) {
		// Whose it is, and what it is, is nobody's business here.
		return &miss{10, "token_of_other_claim", []string{problem.FactGot, ""}}
	}
	return nil
}

// strip takes every character of set out.
func strip(s, set string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(set, r) {
			return -1
		}
		return r
	}, s)
}

// squeeze takes every white space and invisible character out.
func squeeze(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, s)
}

// isOld finds a retired token of the same account.
func (w wanted) isOld(s string) (date string, ok bool) {
	low := strings.ToLower(s)
	for _, o := range w.old {
		if len(o.Value) < 8 || o.Value == w.token || !strings.Contains(low, strings.ToLower(o.Value)) {
			continue
		}
		if !o.RetiredAt.IsZero() {
			date = o.RetiredAt.UTC().Format(time.DateOnly)
		}
		return date, true
	}
	return "", false
}

// placeholders are pieces of instructions, ours and other people's.
var placeholders = []string{
	"<token>", "<uin>", "<value>", "<your", "[token]", "[your", "{token}", "{uin}", "{{", "your-token", "your_token",
	"yourtoken", "your token", "token-here", "token_here", "token here", "xxxxxxxx", "…", "insert token", "paste", "verification code",
	"token=token", "=example.com", "verification: example", "token=example", "todo", "changeme",
}

// placeholder recognises an instruction that was pasted with its blanks. The
// value has to look meant for us: at the name of a site stand many others.
func (w wanted) placeholder(v string) bool {
	low := strings.ToLower(v)
	if !w.bare && !w.ours(v) {
		return false
	}
	for _, p := range placeholders {
		if strings.Contains(low, p) {
			return true
		}
	}
	return false
}

// ours reports whether a value begins with the key of the wanted line.
func (w wanted) ours(v string) bool {
	key := strings.ToLower(strings.TrimRight(w.prefix, " :="))
	return key != "" && strings.HasPrefix(strings.ToLower(v), key)
}

// keyAlone recognises the key without a value.
func (w wanted) keyAlone(v string) bool {
	key := strings.TrimRight(w.prefix, " ")
	return key != "" && strings.EqualFold(strings.TrimRight(v, " :="), strings.TrimRight(key, " :="))
}

// otherKey recognises the whole token after a key or separator that is not the
// right one: "token: x", "verification=x", "yandex-verification=x".
func (w wanted) otherKey(v string) bool {
	key, ok := strings.CutSuffix(v, w.token)
	if !ok || len(key) > 40 || strings.TrimRight(key, " ") == strings.TrimRight(w.prefix, " ") {
		return false
	}
	sep := strings.TrimRight(key, " ")
	return sep != "" && strings.ContainsAny(sep[len(sep)-1:], ":=") && !strings.ContainsAny(strings.TrimRight(sep, ":="), " \"'<>")
}

// truncated recognises a value that was cut or mistyped.
func (w wanted) truncated(v string) (detail string, ok bool) {
	t := v
	if w.ours(v) {
		t = strings.TrimLeft(v[min(len(v), len(strings.TrimRight(w.prefix, " :="))):], " :=")
	}
	if t == w.token && w.prefix != "" {
		// Only the separator differs, as in "key:token" for "key: token".
		return fmt.Sprintf("Between key and code stands not exactly %q.", w.prefix[len(strings.TrimRight(w.prefix, " :=")):]), true
	}
	n := len(w.token)
	switch {
	case len(t) >= max(6, n/5) && len(t) < n && strings.HasPrefix(w.token, t):
		return fmt.Sprintf("It ends after %d of %d characters of the code.", len(t), n), true
	case len(t) >= n/2 && len(t) < n && strings.HasSuffix(w.token, t):
		return fmt.Sprintf("The first %d of %d characters of the code are missing.", n-len(t), n), true
	case t != w.token && abs(len(t)-n) <= 2 && distance(t, w.token, 2) <= 2:
		return fmt.Sprintf("The first difference is at character %d of the code.", firstDifference(t, w.token)), true
	}
	return "", false
}

// tokenIn is the part of a value that has the form of a token of this profile.
func (w wanted) tokenIn(v string) string {
	t := v
	if w.ours(v) {
		t = strings.TrimLeft(v[len(strings.TrimRight(w.prefix, " :=")):], " :=")
		t, _, _ = strings.Cut(t, " ")
	}
	if zonehold.ValidToken(w.profile, t) {
		return t
	}
	return ""
}

func abs(n int) int {
	if n < 0 {
		return -n
	}
	return n
}

// firstDifference counts from 1.
func firstDifference(a, b string) int {
	for i := 0; i < len(a) && i < len(b); i++ {
		if a[i] != b[i] {
			return i + 1
		}
	}
	return min(len(a), len(b)) + 1
}

// distance is the number of inserted, deleted or replaced bytes between a and
// b, or limit+1 if it is more than limit. Both are short.
func distance(a, b string, limit int) int {
	if abs(len(a)-len(b)) > limit || len(a) > 512 || len(b) > 512 {
		return limit + 1
	}
	prev := make([]int, len(b)+1)
	cur := make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur[0] = i
		best := i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			best = min(best, cur[j])
		}
		if best > limit {
			return limit + 1
		}
		prev, cur = cur, prev
	}
	return min(prev[len(b)], limit+1)
}

// clip shortens foreign text that goes into a fact.
func clip(s string) string {
	const limit = 300
	if len(s) <= limit {
		return s
	}
	s = s[:limit]
	for len(s) > 0 && !utf8.RuneStart(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	return s
}
