package diagnose

import (
	"bytes"
	"context"
	"path"
	"strings"
	"unicode/utf16"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/problem"
	"github.com/zonehold/zonehold/verify"
)

// body is the body that stands where the file should be.
func (s *scene) body() []byte {
	f := s.answered()
	if f == nil || f.Status != 200 || s.ch.File == nil {
		return nil
	}
	return f.Body
}

// fileOldToken: the file holds, or lies at the path of, a retired token (cause
// F37).
func fileOldToken(ctx context.Context, s *scene) *verify.Finding {
	f := s.answered()
	if f == nil || s.ch.File == nil {
		return nil
	}
	if b := s.body(); len(b) > 0 && len(b) < 4096 {
		if date, ok := s.want.isOld(string(b)); ok {
			return s.find("token_old", problem.FactGot, clip(string(b)), problem.FactOldDate, date)
		}
	}
	if f.Status != 404 {
		return nil
	}
	p, ok := zonehold.ProfileByName(s.claim.Profile)
	if !ok {
		return nil
	}
	for i, o := range s.claim.Old {
		if i == 1 || o.Value == "" || o.Value == s.want.token {
			break // the latest one only: fetches are few
		}
		at, body := p.FilePath(o.Value), verify.FileBody{Content: p.FileBody(o.Value), Compare: p.File.Compare}
		if s.method == zonehold.MethodTXTFile {
			at = p.TXTFilePath(o.Value)
		}
		got := s.fetch(ctx, "", s.claim.Request(s.urlAt(f, at)))
		if got == nil || got.Err != nil || got.Status != 200 {
			continue
		}
		if s.method == zonehold.MethodTXTFile && len(got.Body) == 0 || s.method == zonehold.MethodFile && body.Matches(got.Body) != verify.NoMatch {
			date, _ := s.want.isOld(o.Value)
			return s.find("token_old", problem.FactGot, at, problem.FactOldDate, date)
		}
	}
	return nil
}

// fileOtherToken: the file is that of another claim (cause F38).
func fileOtherToken(ctx context.Context, s *scene) *verify.Finding {
	b := s.body()
	other := s.otherClaims()
	if len(b) == 0 || len(b) > 4096 || other == nil {
		return nil
	}
	for _, w := range strings.FieldsFunc(string(b), func(r rune) bool { return strings.ContainsRune(" =:<>\"'\r\n\t", r) }) {
		if w != s.want.token && zonehold.ValidToken(s.claim.Profile, w) && other(ctx, w) {
			return s.find("token_of_other_claim", problem.FactGot, "")
		}
	}
	return nil
}

// filePlaceholder: the file is an example (cause F47).
func filePlaceholder(_ context.Context, s *scene) *verify.Finding {
	b := s.body()
	if len(b) == 0 || len(b) > 300 {
		return nil
	}
	v := verify.TrimInvisible(string(b))
	if s.want.ours(v) && s.want.placeholder(v) {
		return s.find("value_placeholder", problem.FactGot, clip(v))
	}
	return nil
}

// fileEncoding: the right text in UTF-16 (cause F72).
func fileEncoding(_ context.Context, s *scene) *verify.Finding {
	b := s.body()
	if len(b) < 4 || len(b) > 1<<16 {
		return nil
	}
	detail := "It is UTF-16 with a byte order mark."
	var text string
	switch {
	case b[0] == 0xff && b[1] == 0xfe:
		text = fromUTF16(b[2:], 1, 0)
	case b[0] == 0xfe && b[1] == 0xff:
		text = fromUTF16(b[2:], 0, 1)
	case b[1] == 0:
		text, detail = fromUTF16(b, 1, 0), "It is UTF-16."
	case b[0] == 0:
		text, detail = fromUTF16(b, 0, 1), "It is UTF-16."
	default:
		return nil
	}
	if s.fileBody().Matches([]byte(text)) == verify.NoMatch {
		return nil
	}
	return s.find("file_bom_or_encoding", problem.FactGot, clip(string(b)), problem.FactDetail, detail)
}

func fromUTF16(b []byte, hi, lo int) string {
	var units []uint16
	for ; len(b) >= 2; b = b[2:] {
		units = append(units, uint16(b[hi])<<8|uint16(b[lo]))
	}
	return string(utf16.Decode(units))
}

// fileDecorated: the right content inside a larger page (cause F71).
func fileDecorated(_ context.Context, s *scene) *verify.Finding {
	b := s.body()
	if len(b) == 0 || s.method != zonehold.MethodFile || s.want.token == "" {
		return nil
	}
	needle := s.want.expected
	if s.fileBody().Compare == zonehold.CompareHTML {
		needle = "Verification: " + s.want.token
	}
	needle = strings.TrimSpace(needle)
	// A body that is one common word proves nothing inside a page.
	if !strings.Contains(needle, s.want.token) {
		if len(b) > 2048 || !bytes.Contains(b, []byte(needle)) || bytes.Equal(bytes.TrimSpace(b), []byte(needle)) {
			return nil
		}
		return s.find("file_decorated", problem.FactGot, clip(string(b)))
	}
	if !bytes.Contains(b, []byte(needle)) && !bytes.Contains(b, []byte(s.want.token)) {
		return nil
	}
	return s.find("file_decorated", problem.FactGot, clip(string(b)))
}

// fileElsewhere looks for the file under the names that uploads give (cause
// F69).
func fileElsewhere(ctx context.Context, s *scene) *verify.Finding {
	f := s.answered()
	if f == nil || s.ch.File == nil || f.Status != 404 {
		return nil
	}
	for _, p := range fileVariants(s.path()) {
		u := s.urlAt(f, p)
		got := s.fetch(ctx, "", s.claim.Request(u))
		if s.right(got) {
			return s.find("http_not_found", problem.FactWhere, u)
		}
	}
	return nil
}

// fileVariants are the likeliest wrong places, likeliest first. Fetches are
// few, so the list is short.
func fileVariants(p string) []string {
	dir, name := path.Split(p)
	ext := path.Ext(name)
	stem := strings.TrimSuffix(name, ext)
	second := ".txt" // Windows hides the ending that Notepad adds
	out := []string{
		dir + name + second,
		dir + stem + "(1)" + ext,
		dir + stem + "%20(1)" + ext,
		dir + strings.ToUpper(stem) + ext,
	}
	if dir != "/" {
		return append([]string{"/" + name}, out...)
	}
	return append([]string{"/.well-known/" + name}, out...)
}
