package verify

import (
	"strings"
	"testing"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/probe/web"
)

func yandexBody(t testing.TB) FileBody {
	t.Helper()
	p, ok := zonehold.ProfileByName(zonehold.ProfileYandex)
	if !ok {
		t.Fatal("no yandex profile")
	}
	return FileBody{Content: p.FileBody("0123456789abcdef"), Compare: p.File.Compare}
}

func TestYandexFile(t *testing.T) {
	const text = "Verification: 0123456789abcdef"
	page := func(head, body string) string {
		return "<html><head>" + head + "</head><body>" + body + "</body></html>"
	}
	const meta = `<meta http-equiv="Content-Type" content="text/html; charset=UTF-8">`
	want := yandexBody(t)
	tests := []struct {
		name, body string
		ok         bool
	}{
		{"as_documented", want.Content, true},
		{"one_line", page(meta, text), true},
		{"with_doctype", "<!doctype html>\n" + page(meta, text), true},
		{"legacy_doctype", `<!DOCTYPE html PUBLIC "-//W3C//DTD HTML 4.01//EN">` + page(meta, text), true},
		{"crlf", strings.ReplaceAll(want.Content, "\n", "\r\n"), true},
		{"byte_order_mark", bom + want.Content, true},
		{"capital_tags", strings.ToUpper("<html><head></head><body>") + text + "</BODY></HTML>", true},
		{"no_meta", page("", text), true},
		{"no_head", "<html><body>" + text + "</body></html>", true},
		{"white_space_in_body", page(meta, "\n  "+text+"\n"), true},
		{"other_token", page(meta, "Verification: 0123456789abcdee"), false},
		{"prefix_missing", page(meta, "0123456789abcdef"), false},
		{"bare_text", text, false},
		{"wrapped_in_paragraph", page(meta, "<p>"+text+"</p>"), false},
		{"script_added", page(meta+"<script src=x></script>", text), false},
		{"script_in_body", page(meta, text+"<script src=x></script>"), false},
		{"comment_added", page(meta, text+"<!-- cached -->"), false},
		{"text_after_html", page(meta, text) + "x", false},
		{"text_twice", page(meta, text+" "+text), false},
		{"title_added", page("<title>t</title>", text), false},
		{"body_twice", "<html><head></head><body></body><body>" + text + "</body></html>", false},
		{"cut_off", strings.TrimSuffix(page(meta, text), "</body></html>"), false},
		{"empty_doctype", "<!doctype>" + page(meta, text), false},
		{"other_doctype", "<!doctype svg>" + page(meta, text), false},
		{"empty", "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if ok := want.Matches([]byte(tt.body)) != NoMatch; ok != tt.ok {
				t.Errorf("Matches = %v, want %v", ok, tt.ok)
			}
		})
	}
}

func TestTextFile(t *testing.T) {
	want := FileBody{Content: "token=abc", Compare: zonehold.CompareText}
	tests := []struct {
		body string
		want Match
	}{
		{"token=abc", ExactMatch},
		{"token=abc\n", ExactMatch},
		{"token=abc\r\n", ExactMatch},
		{" token=abc", TrimmedMatch},
		{"token=abc\n\n", TrimmedMatch},
		{bom + "token=abc", TrimmedMatch},
		{bom + "\r\n token=abc \r\n", TrimmedMatch},
		{"token=abcd", NoMatch},
		{"token=ab", NoMatch},
		{"TOKEN=abc", NoMatch},
		{"x token=abc", NoMatch},
		{"token=abc\x00x", NoMatch},
		{"", NoMatch},
	}
	for _, tt := range tests {
		if got := want.Matches([]byte(tt.body)); got != tt.want {
			t.Errorf("Matches(%q) = %v, want %v", tt.body, got, tt.want)
		}
	}
}

// An expected body that is empty must match nothing, whatever is served.
func TestEmptyExpectationMatchesNothing(t *testing.T) {
	for _, c := range []zonehold.FileCompare{zonehold.CompareText, zonehold.CompareHTML} {
		w := FileBody{Compare: c}
		for _, body := range []string{"", " ", "<html><head></head><body></body></html>"} {
			if w.Matches([]byte(body)) != NoMatch {
				t.Errorf("%s: an empty expectation matched %q", c, body)
			}
		}
	}
}

func TestEchoes(t *testing.T) {
	html := yandexBody(t)
	other := strings.ReplaceAll(html.Content, "0123456789abcdef", "fedcba9876543210")
	const path, decoy = "/yandex_0123456789abcdef.html", "/yandex_fedcba9876543210.html"
	tests := []struct {
		name, decoyBody string
		want            bool
	}{
		{"same_body", html.Content, true},
		{"body_made_from_the_path", other, true},
		{"home_page", "<html><head><title>Shop</title></head><body>Welcome</body></html>", false},
		{"empty", "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := html.echoes(&web.Fetch{Body: []byte(html.Content)}, &web.Fetch{Body: []byte(tt.decoyBody)}, path, decoy)
			if got != tt.want {
				t.Errorf("echoes = %v, want %v", got, tt.want)
			}
		})
	}
	probely := FileBody{Content: "Probely", Compare: zonehold.CompareText}
	if !probely.echoes(&web.Fetch{Body: []byte("Probely")}, &web.Fetch{Body: []byte("Probely\n")}, "/a.txt", "/b.txt") {
		t.Error("a fixed body at any path has to count as an echo")
	}
}

func FuzzFileBody(f *testing.F) {
	html := yandexBody(f)
	f.Add([]byte(html.Content))
	f.Add([]byte("<!doctype html><html><head><meta></head><body>Verification: 0123456789abcdef"))
	f.Add([]byte("\xef\xbb\xbf<html>"))
	f.Fuzz(func(t *testing.T, body []byte) {
		if html.Matches(body) != NoMatch && !strings.Contains(string(body), "Verification") && !strings.Contains(string(body), "&") {
			t.Errorf("%q passed without the text", body)
		}
		FileBody{Content: "token=abc", Compare: zonehold.CompareText}.Matches(body)
	})
}
