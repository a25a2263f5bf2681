package dns

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	dsLine  = ". 172800 IN DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D"
	keyLine = ". IN DNSKEY 257 3 8 AwEAAaz/tAm8yTn4Mfeh5eyI96WSVexTBAvkMgJzkKTOiW1vkIbzxeF3 +/4RgWOq7HrxRixHlFlExOLAJr5emLvN7SWXgnLh4+B5xQlNVz8Og8kv ArMtNROxVQuCaSnIDdD5LKyWbRd2n9WGe2R8PzgCmr3EgVLrjyBxWezF 0jLHwVN8efS3rCj/EWgvIWgb9tarpVUDK/b58Da+sqqls3eNbuv7pr+e oZG+SrDK6nWeL3c6H5Apxz7LjVc1uTIdsIXxuOLYA4/ilBmSVIzuDWfd RUfhHdY6+cn8HFRm+2hM8AnXGXws9555KrUB5qihylGa8subX2Nn6UwN R1AkUTV74bU= ;{id = 20326 (ksk), size = 2048b} ;;state=2"
)

func TestParseTrustAnchors(t *testing.T) {
	// The key of the root and its DS record are the same anchor, the built-in
	// one.
	for _, text := range []string{dsLine, keyLine, "; comment\n\n" + dsLine + " ; more\n", strings.ReplaceAll(dsLine, "172800 IN ", ""), "@ DS 20326 8 2 ( E06D44B80B8F1D39A95C0B0D7C65D084\n 58E880409BBC683457104237C7F8EC8D )"} {
		got, err := ParseTrustAnchors(strings.NewReader(text))
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if diff := cmp.Diff(builtinAnchors()[:1], got); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
	both, err := ParseTrustAnchors(strings.NewReader(dsLine + "\n. DS 38696 8 2 683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0FB2B16\n. DS 1 16 2 " + strings.Repeat("00", 32) + "\n"))
	if diff := cmp.Diff(builtinAnchors(), both); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	zeros := strings.Repeat("00", 32)
	for name, text := range map[string]string{
		"empty":           "",
		"only comments":   "; nothing\n",
		"other owner":     "com. DS 1 8 2 " + zeros,
		"other class":     ". CH DS 1 8 2 " + zeros,
		"other type":      ". NS a.root-servers.net.",
		"short digest":    ". DS 1 8 2 0000",
		"long digest":     ". DS 1 8 2 " + zeros + "00",
		"odd digest":      ". DS 1 8 2 000",
		"only unknown":    ". DS 1 16 2 " + zeros,
		"unknown digest":  ". DS 1 8 99 " + zeros,
		"revoked key":     strings.Replace(keyLine, "257", "385", 1),
		"no zone key":     strings.Replace(keyLine, "257", "1", 1),
		"wrong protocol":  strings.Replace(keyLine, " 3 8 ", " 2 8 ", 1),
		"garbage":         "\x00\x01\x02",
		"words":           "the key of the root",
		"include":         "$INCLUDE /etc/passwd",
		"too many":        strings.Repeat(dsLine+"\n", maxAnchors+1),
		"generated":       "$GENERATE 1-65535 . DS $ 8 2 " + zeros,
		"too long a file": strings.Repeat("; filling\n", maxAnchorFile/10+1) + dsLine,
	} {
		if got, err := ParseTrustAnchors(strings.NewReader(text)); err == nil {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestBuiltinAnchors(t *testing.T) {
	for i, want := range []string{
		"20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D",
		"38696 8 2 683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0FB2B16",
	} {
		a := builtinAnchors()[i]
		if got := fmt.Sprintf("%d %d %d %s", a.KeyTag, a.Algorithm, a.DigestType, strings.ToUpper(hex.EncodeToString(a.Digest))); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func FuzzParseTrustAnchors(f *testing.F) {
	f.Add(dsLine)
	f.Add(keyLine)
	f.Add("$ORIGIN com.\n@ DS 1 8 2 00\n$TTL 5\n$GENERATE 1-3 $ NS a\n")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := ParseTrustAnchors(strings.NewReader(text))
		if (err == nil) != (len(got) > 0) || len(got) > maxAnchors {
			t.Errorf("%d anchors, %v", len(got), err)
		}
		for _, a := range got {
			if !supportedAlgorithm(a.Algorithm) || len(a.Digest) != digestSize(a.DigestType) {
				t.Errorf("%+v", a)
			}
		}
	})
}
