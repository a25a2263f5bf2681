package httpapi

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/zonehold/zonehold/internal/app"
)

func FuzzEntityTags(f *testing.F) {
	for _, s := range []string{`"v7.abc"`, `W/"x", "y"`, "*", `"`, `"a" "b"`, ",,", `"v1.` + "\x00" + `"`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		tags, all, ok := entityTags([]string{s})
		if ok && !all && len(tags) == 0 {
			t.Error("a list without tags is accepted")
		}
		for _, tag := range tags {
			if len(tag.opaque) < 2 || tag.opaque[0] != '"' || strings.Count(tag.opaque, `"`) != 2 {
				t.Errorf("tag %q", tag.opaque)
			}
		}
		list, err := versions([]string{s})
		for _, v := range list {
			if v <= 0 || err != nil {
				t.Errorf("version %d, %v", v, err)
			}
		}
		noneMatch([]string{s}, `"x"`)
	})
}

func FuzzIdempotencyKey(f *testing.F) {
	for _, s := range []string{`"abc"`, "abc", `"`, `""`, "a b", "8e03978e-40d5-43e8-bc93-6894a57f9324"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		key, err := idempotencyKey([]string{s})
		if err == nil && (key == "" || len(key) > maxKey || strings.ContainsAny(key, "\"\\ ,;\r\n")) {
			t.Errorf("%q accepted as %q", s, key)
		}
	})
}

// Any body gives a reply in our shape and never reaches the use case unless
// it is what the schema says.
func FuzzCreateBody(f *testing.F) {
	for _, s := range []string{`{"hostname":"a.example"}`, `{}`, `[`, `{"hostname":"a","hostname":"b"}`, `{"hostname":"\ud800"}`, `{"port":1e400,"hostname":""}`, `{"a/b~c":1}`, "\xff"} {
		f.Add([]byte(s))
	}
	b := newBench()
	b.server.limiter = newLimiter(Limits{Writes: -1})
	f.Fuzz(func(t *testing.T, body []byte) {
		b.svc.create = func(in app.CreateDomain) (*app.Domain, bool, error) {
			if in.Port < 0 || in.Port > 65535 || !utf8.ValidString(in.Hostname) {
				t.Errorf("reached the use case: %+v", in)
			}
			return pendingDomain(), true, nil
		}
		r := httptest.NewRequest(http.MethodPost, "/v1/domains", strings.NewReader(string(body)))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer all")
		w := b.do(r)
		if w.Code != 201 && w.Code != 400 && w.Code != 413 && w.Code != 422 {
			t.Errorf("status %d: %s", w.Code, w.Body)
		}
		if !json.Valid(w.Body.Bytes()) || !utf8.Valid(w.Body.Bytes()) || w.Code >= 400 && !strings.Contains(w.Body.String(), `"code":"`) {
			t.Errorf("reply %q", w.Body)
		}
	})
}

// Any query gives a reply in our shape.
func FuzzListQuery(f *testing.F) {
	for _, s := range []string{"", "limit=5&cursor=x", "limit=-1", "q=%zz", "q=%00", "limit=1&limit=2", "cursor=" + strings.Repeat("a", 600), ";", "a[b]=c", "sort"} {
		f.Add(s)
	}
	b := newBench()
	b.server.limiter = newLimiter(Limits{Reads: -1})
	f.Fuzz(func(t *testing.T, query string) {
		b.svc.domains = func(q app.DomainQuery) (app.Page[*app.Domain], error) {
			if q.Limit < 1 || q.Limit > 500 || len(q.Cursor) > maxCursor || badText(q.Text) || badText(q.Cursor) {
				t.Errorf("reached the use case: %+v", q)
			}
			return app.Page[*app.Domain]{}, nil
		}
		r := &http.Request{Method: http.MethodGet, URL: &url.URL{Path: "/v1/domains", RawQuery: query}, Header: http.Header{"Authorization": {"Bearer all"}}, Body: http.NoBody}
		w := b.do(r)
		if w.Code != 200 && w.Code != 400 || !json.Valid(w.Body.Bytes()) {
			t.Errorf("%q: %d %s", query, w.Code, w.Body)
		}
	})
}

func FuzzPath(f *testing.F) {
	for _, s := range []string{"/v1/domains/a", "/v1/domains/%2F", "/v1/attempts/x/evidence", "//v1", "/v1/domains/..", "/\xff", "/v1/domains/a%00"} {
		f.Add(s)
	}
	b := newBench()
	b.svc.domain = func(ref string) (*app.Domain, error) {
		if badText(ref) || len(ref) > maxReference {
			panic("bad reference reached the use case: " + ref)
		}
		return verifiedDomain(), nil
	}
	b.server.limiter = newLimiter(Limits{Reads: -1})
	f.Fuzz(func(t *testing.T, raw string) {
		u, err := url.ParseRequestURI(raw)
		if err != nil || u.Path == "" {
			return
		}
		if strings.HasPrefix(u.Path, "/v1/events") || strings.HasSuffix(u.Path, "/attempts") || strings.HasPrefix(u.Path, "/v1/attempts") || u.Path == "/v1/domains" {
			return // the fake has no use case for them
		}
		u.RawQuery = ""
		r := &http.Request{Method: http.MethodGet, URL: u, Header: http.Header{"Authorization": {"Bearer all"}}, Body: http.NoBody}
		if w := b.do(r); w.Code >= 500 {
			t.Errorf("%q: %d %s", raw, w.Code, b.log)
		}
	})
}
