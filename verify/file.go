package verify

import (
	"bytes"
	"context"
	"mime"
	"strings"

	"golang.org/x/net/html"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/probe/web"
	"github.com/zonehold/zonehold/problem"
)

// file looks for a file with the right body.
type file struct{}

var _ Method = file{}

func (file) Name() zonehold.Method { return zonehold.MethodFile }

func (file) Challenge(kit *Kit, c Claim) zonehold.Challenge {
	ch, p, ok := newChallenge(kit, zonehold.MethodFile, c, c.Tokens.File)
	if ok {
		path := p.FilePath(c.Tokens.File)
		ch.File = &zonehold.FileChallenge{Path: path, URLs: c.URLs(kit, path), Content: p.FileBody(c.Tokens.File)}
	}
	return ch
}

func (m file) Check(ctx context.Context, kit *Kit, c Claim) Result {
	ch := m.Challenge(kit, c)
	if !ch.Applicable {
		return notApplicable(ch, c)
	}
	if kit.Web == nil {
		return noProbe(ch, c, "a web client")
	}
	p, _ := zonehold.ProfileByName(c.Profile)
	want := FileBody{Content: ch.File.Content, Compare: p.File.Compare}
	check := webCheck{
		path: ch.File.Path,
		judge: func(f *web.Fetch, facts problem.Facts) ([]Finding, zonehold.Outcome, *Finding) {
			if f.TooLarge {
				return nil, zonehold.OutcomeMismatch, &Finding{"http_body_too_large_or_slow", facts}
			}
			match := want.Matches(f.Body)
			if match == NoMatch {
				return nil, zonehold.OutcomeMismatch, &Finding{"file_wrong_content", with(facts, problem.FactGot, string(f.Body[:min(len(f.Body), 200)]))}
			}
			return bodyNotes(f, want, match, facts), zonehold.OutcomeVerified, nil
		},
		soft: func(proof, decoy *web.Fetch, decoyPath string) bool {
			return want.echoes(proof, decoy, ch.File.Path, decoyPath)
		},
	}
	return check.run(ctx, kit, c, ch)
}

// FileBody compares served bodies with the one that proves a claim.
type FileBody struct {
	Content string
	Compare zonehold.FileCompare
}

// Matches is tolerant of what editors, panels and transfers add around a
// file, and of nothing else.
func (w FileBody) Matches(body []byte) Match {
	if w.Content == "" {
		return NoMatch
	}
	if w.Compare == zonehold.CompareHTML {
		text, ok := htmlFileText(w.Content)
		if !ok || text == "" || !sameHTMLFile(body, text) {
			return NoMatch
		}
		return ExactMatch
	}
	got, want := string(body), strings.TrimSpace(w.Content)
	if strings.TrimSuffix(strings.TrimSuffix(got, "\n"), "\r") == want {
		return ExactMatch
	}
	if TrimInvisible(got) == want {
		return TrimmedMatch
	}
	return NoMatch
}

// echoes reports whether the answer for the decoy path shows that the server
// would have said yes to any path: the same body, or the body that the decoy's
// own name would have needed (threats T28, T29).
func (w FileBody) echoes(proof, decoy *web.Fetch, path, decoyPath string) bool {
	if bytes.Equal(bytes.TrimSpace(proof.Body), bytes.TrimSpace(decoy.Body)) || w.Matches(decoy.Body) != NoMatch {
		return true
	}
	own, other := variablePart(path), variablePart(decoyPath)
	if own == "" || own == other {
		return false
	}
	theirs := FileBody{Content: strings.ReplaceAll(w.Content, own, other), Compare: w.Compare}
	return theirs.Content != w.Content && theirs.Matches(decoy.Body) != NoMatch
}

// variablePart is the part of a file's path that differs from claim to claim:
// the name without its extension and what stands before the last "_".
func variablePart(path string) string {
	name := path[strings.LastIndexByte(path, '/')+1:]
	if dot := strings.LastIndexByte(name, '.'); dot >= 0 {
		name = name[:dot]
	}
	return name[strings.LastIndexByte(name, '_')+1:]
}

// htmlFileText is the text in the body of a well-formed small page.
func htmlFileText(page string) (string, bool) {
	z := html.NewTokenizer(strings.NewReader(page))
	inBody := false
	var text strings.Builder
	for {
		switch z.Next() {
		case html.ErrorToken:
			return "", false
		case html.StartTagToken:
			name, _ := z.TagName()
			inBody = inBody || string(name) == "body"
		case html.EndTagToken:
			if name, _ := z.TagName(); string(name) == "body" {
				return strings.Trim(text.String(), htmlSpace), true
			}
		case html.TextToken:
			if inBody {
				text.Write(z.Text())
			}
		}
	}
}

// bodyNotes are the oddities of a body that proves the claim.
func bodyNotes(f *web.Fetch, want FileBody, match Match, facts problem.Facts) []Finding {
	var notes []Finding
	if match == TrimmedMatch || bytes.HasPrefix(f.Body, []byte(bom)) {
		detail := "white space around the content"
		if bytes.HasPrefix(f.Body, []byte(bom)) {
			detail = "a byte order mark before the content"
		}
		notes = append(notes, Finding{"file_bom_or_encoding", with(facts, problem.FactDetail, detail, problem.FactGot, string(f.Body[:min(len(f.Body), 200)]))})
	}
	kind, _, err := mime.ParseMediaType(f.Header.Get("Content-Type"))
	usual := err != nil || kind == "application/octet-stream" || kind == "text/plain"
	if want.Compare == zonehold.CompareHTML {
		usual = err != nil || kind == "text/html" || kind == "application/xhtml+xml"
	}
	if !usual {
		notes = append(notes, Finding{"file_wrong_content_type", with(facts, problem.FactGot, f.Header.Get("Content-Type"))})
	}
	return notes
}
