package evidence

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zonehold/zonehold"
)

var update = flag.Bool("update", false, "write the golden files")

const account = "acc_06c4b1q2v8h3k5n7p9r1s3t5u0"

var at0 = time.Date(2026, 11, 22, 2, 0, 0, 123456000, time.UTC)

func signer(t testing.TB, fill byte) *Signer {
	t.Helper()
	s, err := SignerFromSeed(bytes.Repeat([]byte{fill}, ed25519.SeedSize))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// chainOf makes n links of one domain with their documents.
func chainOf(t testing.TB, s *Signer, n int) (entries []Entry, blobs []Blob) {
	t.Helper()
	message := []byte("a message that many share")
	var before Hash
	for i := range n {
		id := "att_" + strings.Repeat("0", 25) + string(rune('a'+i))
		if i >= 26 {
			id = fmt.Sprintf("att_%026d", i)
		}
		zero := 0
		doc, err := json.Marshal(Document{
			Version: 2, AttemptID: id, DomainID: "dom_1", Hostname: "www.example.com", Software: "test", Perspective: "primary",
			Method: "dns_txt", Outcome: "verified", StartedAt: at0, DurationMS: 12, Omitted: []string{}, Decoys: []Fetch{}, Fetches: []Fetch{},
			Chains: []ZoneKeys{{Zone: "", Security: "secure", KeysSHA256: HashOf(message)}},
			Lookups: []Lookup{{Hops: []Answer{{Name: "www.example.com", Type: "TXT", Zone: "example.com", Security: "secure",
				Servers: []Server{{Server: "ns1.example.net", Address: "45.0.0.1:53", Status: "ok", Message: []byte("<&>"), Security: "secure", Chain: &zero}}}}}},
		})
		if err != nil {
			t.Fatal(err)
		}
		l := Link{Seq: int64(i + 1), AttemptID: id, DomainID: "dom_1", Hostname: "www.example.com", Method: zonehold.MethodDNSTXT,
			Outcome: zonehold.OutcomeVerified, At: at0.Add(time.Duration(i) * time.Hour), BodySHA256: HashOf(doc), Previous: before}
		l.Sign(account, s)
		before = l.Hash
		entries = append(entries, Entry{Link: l, Document: doc})
	}
	return entries, []Blob{{HashOf(message), message}}
}

func bundleOf(t testing.TB, s *Signer, n int) *Bundle {
	entries, blobs := chainOf(t, s, n)
	last := entries[n-1].Link
	b := &Bundle{Issuer: "https://zonehold.example", Version: "test", MadeAt: at0.Add(24 * time.Hour), AccountID: account, Scope: ScopeDomain,
		DomainID: "dom_1", Hostname: "www.example.com", Head: Head{last.Seq, last.Hash}, Keys: []JWK{s.JWK()}, Entries: entries, Blobs: blobs}
	if n == 1 {
		b.Scope = ScopeAttempt
	}
	return b
}

func seal(t testing.TB, b *Bundle, s *Signer) []byte {
	t.Helper()
	file, err := b.Seal(s)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func verify(file []byte, keys ...ed25519.PublicKey) (*Report, error) {
	return Verify(bytes.NewReader(file), Options{Keys: keys})
}

func TestIntactBundle(t *testing.T) {
	s := signer(t, 1)
	file := seal(t, bundleOf(t, s, 3), s)
	r, err := verify(file)
	if err != nil || r.Origin || !r.Unbroken || len(r.Entries) != 3 || r.Entries[1].Document.Hostname != "www.example.com" || !r.Entries[0].Verified() {
		t.Fatalf("%+v, %v", r, err)
	}
	if r, err = verify(file, s.Public(), signer(t, 2).Public()); err != nil || !r.Origin {
		t.Fatalf("with keys: %+v, %v", r, err)
	}
	if _, err = verify(file, signer(t, 2).Public()); !errors.Is(err, ErrUntrusted) {
		t.Errorf("another key: %v", err)
	}
	if _, err := Verify(bytes.NewReader(file), Options{Keys: []ed25519.PublicKey{}}); !errors.Is(err, ErrUntrusted) {
		t.Errorf("no key is trusted: %v", err)
	}
}

// T50: every single byte counts, whatever it is changed to.
func TestEveryByteCounts(t *testing.T) {
	s := signer(t, 1)
	file := seal(t, bundleOf(t, s, 1), s)
	if _, err := verify(file); err != nil {
		t.Fatal(err)
	}
	for i := range file {
		for _, flip := range []byte{0x01, 0x20, 0x80, 0xff} {
			changed := bytes.Clone(file)
			changed[i] ^= flip
			if _, err := verify(changed); err == nil {
				t.Fatalf("byte %d (%q) may become %q", i, file[i], changed[i])
			}
		}
		if _, err := verify(append(bytes.Clone(file[:i]), file[i+1:]...)); err == nil {
			t.Fatalf("byte %d may go", i)
		}
		if _, err := verify(file[:i]); err == nil {
			t.Fatalf("it may end after %d bytes", i)
		}
	}
	for _, more := range []string{" ", "\n", "{}", "\x00"} {
		if _, err := verify(append(bytes.Clone(file), more...)); !errors.Is(err, ErrForm) {
			t.Errorf("followed by %q: %v", more, err)
		}
	}
}

// A key holder who lies in one part is found out by the others.
func TestInconsistentBundles(t *testing.T) {
	s, other := signer(t, 1), signer(t, 2)
	for name, change := range map[string]func(b *Bundle){
		"document changed": func(b *Bundle) {
			b.Entries[0].Document = bytes.Replace(b.Entries[0].Document, []byte("verified"), []byte("mismatch"), 1)
		},
		"document of another check":  func(b *Bundle) { b.Entries[0].Document = b.Entries[1].Document },
		"link changed":               func(b *Bundle) { b.Entries[1].Link.Outcome = zonehold.OutcomeAbsent },
		"link signed again, no link": func(b *Bundle) { l := &b.Entries[1].Link; l.Outcome = zonehold.OutcomeAbsent; l.Sign(account, s) },
		"entries swapped":            func(b *Bundle) { b.Entries[0], b.Entries[1] = b.Entries[1], b.Entries[0] },
		"entry twice":                func(b *Bundle) { b.Entries = append(b.Entries, b.Entries[2]) },
		"gap in a chain":             func(b *Bundle) { b.Scope = ScopeChain; b.Entries = append(b.Entries[:1], b.Entries[2]) },
		"fork": func(b *Bundle) {
			l := b.Entries[2].Link
			l.Seq = 2
			l.AttemptID = "att_other"
			l.Sign(account, s)
			b.Entries = append(b.Entries, Entry{Link: l})
		},
		"head is another":      func(b *Bundle) { b.Head.Hash[0]++ },
		"head too low":         func(b *Bundle) { b.Head.Seq = 2 },
		"another account":      func(b *Bundle) { b.AccountID = "acc_2" },
		"another domain":       func(b *Bundle) { b.Hostname = "example.com" },
		"signed by a stranger": func(b *Bundle) { b.Entries[0].Link.Sign(account, other) },
		"key for nothing":      func(b *Bundle) { b.Keys = append(b.Keys, other.JWK()) },
		"blob changed":         func(b *Bundle) { b.Blobs[0].Data = []byte("x") },
		"blob missing":         func(b *Bundle) { b.Blobs = nil },
		"blob for nothing":     func(b *Bundle) { b.Blobs = append(b.Blobs, Blob{HashOf([]byte("z")), []byte("z")}) },
		"scope":                func(b *Bundle) { b.Scope = "all" },
		"one check has three":  func(b *Bundle) { b.Scope = ScopeAttempt },
		"checkpoint unsigned":  func(b *Bundle) { b.Checkpoint = &Checkpoint{Seq: 1, Hash: b.Entries[0].Link.Hash, KeyID: s.ID()} },
		"checkpoint of another": func(b *Bundle) {
			b.Checkpoint = &Checkpoint{Seq: 1, At: at0}
			b.Checkpoint.Sign(account, s)
		},
		"line feed in a word": func(b *Bundle) { l := &b.Entries[0].Link; l.AttemptID = "att\n1"; l.Sign(account, s) },
		"first has one before": func(b *Bundle) {
			l := &b.Entries[0].Link
			l.Previous = Hash{1}
			l.Sign(account, s)
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := bundleOf(t, s, 3)
			change(b)
			if r, err := verify(seal(t, b, s)); err == nil {
				t.Errorf("%+v", r)
			} else if !errors.Is(err, ErrBroken) && !errors.Is(err, ErrForm) {
				t.Errorf("kind of %v", err)
			}
		})
	}
}

func TestCheckpointGoesBeforeTheChain(t *testing.T) {
	s := signer(t, 1)
	b := bundleOf(t, s, 3)
	b.Checkpoint = &Checkpoint{Seq: 1, Hash: b.Entries[0].Link.Hash, At: at0}
	b.Checkpoint.Sign(account, s)
	b.Entries = b.Entries[1:]
	if r, err := verify(seal(t, b, s)); err != nil || !r.Unbroken {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestRotatedKeysInOneBundle(t *testing.T) {
	old, young := signer(t, 1), signer(t, 2)
	b := bundleOf(t, old, 2)
	b.Entries[1].Link.Sign(account, young)
	b.Head.Hash = b.Entries[1].Link.Hash
	b.Keys = []JWK{old.JWK(), young.JWK()}
	if b.Keys[0].ID > b.Keys[1].ID {
		b.Keys[0], b.Keys[1] = b.Keys[1], b.Keys[0]
	}
	file := seal(t, b, young)
	if _, err := verify(file, old.Public(), young.Public()); err != nil {
		t.Error(err)
	}
	if _, err := verify(file, young.Public()); !errors.Is(err, ErrUntrusted) {
		t.Errorf("the old key is not trusted: %v", err)
	}
}

// The form must not change unnoticed: files have to be readable for years.
func TestGolden(t *testing.T) {
	s := signer(t, 7)
	file := seal(t, bundleOf(t, s, 1), s)
	name := filepath.Join("testdata", "bundle.json")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, file, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(file)); diff != "" {
		t.Error(diff)
	}
	if _, err := verify(want, s.Public()); err != nil {
		t.Error(err)
	}
}

func TestValidationIsAskedFor(t *testing.T) {
	s := signer(t, 1)
	file := seal(t, bundleOf(t, s, 1), s)
	var got []SignedAnswer
	r, err := Verify(bytes.NewReader(file), Options{DNSSEC: func(a SignedAnswer) (string, error) {
		got = append(got, a)
		return "bogus", nil
	}})
	if err != nil || len(got) != 1 || string(got[0].Chain[0].Keys) != "a message that many share" || !got[0].At.Equal(at0.Add(12*time.Millisecond)) {
		t.Fatalf("%+v, %v", got, err)
	}
	if d := r.Entries[0].DNSSEC; len(d) != 1 || d[0].Confirmed() {
		t.Errorf("%+v", d)
	}
}

// What is not validated again in a large bundle is told, once.
func TestManyValidations(t *testing.T) {
	s := signer(t, 1)
	const n = maxValidations + 3
	asked := 0
	r, err := Verify(bytes.NewReader(seal(t, bundleOf(t, s, n), s)), Options{DNSSEC: func(SignedAnswer) (string, error) { asked++; return "secure", nil }})
	if err != nil {
		t.Fatal(err)
	}
	if asked != maxValidations || len(r.Entries) != n {
		t.Errorf("%d of %d validated again", asked, len(r.Entries))
	}
	for i, e := range r.Entries {
		told := slices.ContainsFunc(e.Notes, func(note string) bool { return strings.Contains(note, "not validated again") })
		if told != (i == maxValidations) {
			t.Errorf("entry %d: %q", i, e.Notes)
		}
	}
}

// A chain of zones that names itself must come to an end.
func TestCircularZones(t *testing.T) {
	s := signer(t, 1)
	b := bundleOf(t, s, 1)
	var doc Document
	if err := json.Unmarshal(b.Entries[0].Document, &doc); err != nil {
		t.Fatal(err)
	}
	for _, above := range []int{0, -1, 5} {
		doc.Chains[0].Above = &above
		text, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		e := &b.Entries[0]
		e.Document, e.Link.BodySHA256 = text, HashOf(text)
		e.Link.Sign(account, s)
		b.Head.Hash = e.Link.Hash
		r, err := Verify(bytes.NewReader(seal(t, b, s)), Options{DNSSEC: func(SignedAnswer) (string, error) { return "secure", nil }})
		if err != nil || r.Entries[0].DNSSEC[0].Confirmed() {
			t.Errorf("%d: %+v, %v", above, r, err)
		}
	}
}

func TestKeySets(t *testing.T) {
	s := signer(t, 1)
	set, err := json.Marshal(JWKS{Keys: []JWK{{KeyType: "RSA", ID: "1"}, s.JWK()}})
	if err != nil {
		t.Fatal(err)
	}
	keys, err := ParseJWKS(set)
	if err != nil || len(keys) != 1 || !keys[0].Equal(s.Public()) {
		t.Errorf("%v, %v", keys, err)
	}
	for _, text := range []string{"", "{}", "[]", `{"keys":[{"kty":"OKP"}]}`, strings.Replace(string(set), s.ID(), "x", 1), string(seal(t, bundleOf(t, s, 1), s))} {
		if keys, err := ParseJWKS([]byte(text)); err == nil {
			t.Errorf("%s: %v", text, keys)
		}
	}
	// RFC 8037 appendix A.3.
	const x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
	public, err := JWK{KeyType: "OKP", Curve: "Ed25519", X: x, ID: "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"}.Public()
	if err != nil || len(public) != 32 {
		t.Errorf("the key of RFC 8037: %v", err)
	}
}

func TestToken(t *testing.T) {
	s := signer(t, 1)
	c := Claims{Issuer: "https://zonehold.example", Subject: "www.example.com", Audience: "shop", IssuedAt: at0.Unix(), Expires: at0.Unix() + 600, ID: "x", State: "verified"}
	token, err := c.Sign(s)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := VerifyToken(token, []ed25519.PublicKey{signer(t, 2).Public(), s.Public()}, "shop", at0); err != nil || *got != c {
		t.Fatalf("%+v, %v", got, err)
	}
	none := strings.Split(token, ".")
	none[0] = "eyJhbGciOiJub25lIiwidHlwIjoiem9uZWhvbGQtdmVyaWZpY2F0aW9uK2p3dCJ9" // alg none
	for name, try := range map[string]struct {
		token, audience string
		key             ed25519.PublicKey
		at              time.Time
	}{
		"another key":      {token, "shop", signer(t, 2).Public(), at0},
		"another audience": {token, "mail", s.Public(), at0},
		"no audience":      {token, "", s.Public(), at0},
		"expired":          {token, "shop", s.Public(), at0.Add(10 * time.Minute)},
		"future":           {token, "shop", s.Public(), at0.Add(-10 * time.Minute)},
		"alg none":         {strings.Join(none, "."), "shop", s.Public(), at0},
		"no signature":     {none[0] + "." + none[1] + ".", "shop", s.Public(), at0},
		"cut":              {token[:len(token)-1], "shop", s.Public(), at0},
		"empty":            {"", "shop", s.Public(), at0},
	} {
		if got, err := VerifyToken(try.token, []ed25519.PublicKey{try.key}, try.audience, try.at); !errors.Is(err, ErrToken) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	for i := range token {
		changed := []byte(token)
		changed[i] ^= 1
		if _, err := VerifyToken(string(changed), []ed25519.PublicKey{s.Public()}, "shop", at0); err == nil {
			t.Fatalf("byte %d may change", i)
		}
	}
}

func TestHostileFiles(t *testing.T) {
	for name, text := range map[string]string{
		"empty": "", "no JSON": "x", "null": "null", "deep": strings.Repeat("[", 1<<20),
		"unknown field": `{"format":"zonehold-evidence/1","x":1}`, "format": `{"format":"zonehold-evidence/2"}`,
	} {
		if _, err := verify([]byte(text)); !errors.Is(err, ErrForm) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Verify(endless{}, Options{}); !errors.Is(err, ErrForm) {
		t.Errorf("endless: %v", err)
	}
}

type endless struct{}

func (endless) Read(b []byte) (int, error) { return len(b), nil }

func FuzzVerify(f *testing.F) {
	s := signer(f, 1)
	good := seal(f, bundleOf(f, s, 2), s)
	f.Add(good)
	f.Add([]byte(`{"format":"zonehold-evidence/1","entries":[{"link":{"seq":1}}]}`))
	f.Fuzz(func(t *testing.T, file []byte) {
		if _, err := verify(file, s.Public()); err == nil && !bytes.Equal(file, good) {
			t.Errorf("accepted: %q", file)
		}
		_, _ = verify(file)
	})
}

func BenchmarkSignLink(b *testing.B) {
	s := signer(b, 1)
	l := Link{Seq: 2, AttemptID: "att_06c4b1q2v8h3k5n7p9r1s3t5u0", DomainID: "dom_06c4b1q2v8h3k5n7p9r1s3t5u0", Hostname: "www.example.com",
		Method: "dns_txt", Outcome: "verified", At: at0, Previous: Hash{1}}
	for b.Loop() {
		l.Sign(account, s)
	}
}
