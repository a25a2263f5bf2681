package verify

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
)

// TestMetaPlaces is the table of threat T32.
func TestMetaPlaces(t *testing.T) {
	const tag = `<meta name="zonehold-verification" content="secret">`
	utf16page := func() string {
		b := []byte{0xff, 0xfe}
		for _, u := range utf16.Encode([]rune(`<html><head>` + tag + `</head></html>`)) {
			b = append(b, byte(u), byte(u>>8))
		}
		return string(b)
	}()
	tests := []struct {
		name, page string
		counts     bool
		place      MetaPlace // of the tag, where one is seen at all
	}{
		{"in_head", `<!doctype html><html><head><title>t</title>` + tag + `</head><body>hi</body></html>`, true, PlaceHead},
		{"no_html_no_head_tags", tag + `<title>t</title><p>hi`, true, PlaceHead},
		{"after_head_end_tag", `<html><head></head>` + tag + `<body></body></html>`, true, PlaceHead},
		{"self_closing_single_quotes", `<head><meta name='zonehold-verification' content='secret' /></head>`, true, PlaceHead},
		{"name_in_capitals", `<head><META NAME="Zonehold-Verification" CONTENT="secret"></head>`, true, PlaceHead},
		{"after_script_and_style", `<head><script>var a="</he"+"ad>"</script><style>p{}</style>` + tag + `</head>`, true, PlaceHead},
		{"title_closed_by_injection", `<head><title>x</title>` + tag + `</title></head>`, true, PlaceHead},
		{"utf16", utf16page, true, PlaceHead},
		{"in_body", `<html><head></head><body>` + tag + `</body></html>`, false, PlaceBody},
		{"after_paragraph_in_head", `<html><head><p>oops</p>` + tag + `</head><body></body></html>`, false, PlaceBody},
		{"after_text_in_head", `<html><head>oops` + tag + `</head><body></body></html>`, false, PlaceBody},
		{"after_image_in_head", `<html><head><img src=x>` + tag + `</head><body></body></html>`, false, PlaceBody},
		{"in_comment", `<html><head><!-- ` + tag + ` --></head></html>`, false, PlaceComment},
		{"in_title", `<html><head><title>` + tag + `</title></head></html>`, false, PlaceText},
		{"in_template", `<html><head><template>` + tag + `</template></head></html>`, false, PlaceTemplate},
		{"in_noscript", `<html><head><noscript>` + tag + `</noscript></head></html>`, false, PlaceNoscript},
		{"in_script", `<html><head><script>document.write('` + tag + `')</script></head></html>`, false, PlaceText},
		{"in_textarea", `<html><head></head><body><textarea>` + tag + `</textarea></body></html>`, false, PlaceText},
		{"in_svg", `<html><head></head><body><svg>` + strings.Replace(tag, ">", "/>", 1) + `</svg></body></html>`, false, PlaceBody},
		{"escaped", `<html><head></head><body>&lt;meta name="zonehold-verification" content="secret"&gt;</body></html>`, false, PlaceText},
		{"in_iframe_source", `<html><head></head><body><iframe srcdoc='` + tag + `'></iframe></body></html>`, false, ""},
		{"property_attribute", `<html><head><meta property="zonehold-verification" content="secret"></head></html>`, false, PlaceHead},
		{"second_html_element", `<html><head></head><body><html><head>` + tag + `</head></html></body></html>`, false, PlaceBody},
		{"empty", ``, false, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := ParseMeta(context.Background(), []byte(tt.page))
			got := p.Head("zonehold-verification")
			if counts := len(got) == 1 && got[0] == "secret"; counts != tt.counts {
				t.Errorf("counts = %v (%q), want %v", counts, got, tt.counts)
			}
			var place MetaPlace
			for _, m := range p.Tags {
				if strings.EqualFold(m.Name, "zonehold-verification") {
					place = m.Place
				}
			}
			if place != tt.place {
				t.Errorf("place = %q, want %q; tags %+v", place, tt.place, p.Tags)
			}
		})
	}
}

func TestMetaDeepBodyKeepsHead(t *testing.T) {
	page := `<html><head><meta name="a" content="b"></head><body>` + strings.Repeat("<div>", 2000)
	p := ParseMeta(context.Background(), []byte(page))
	if got := p.Head("a"); len(got) != 1 || got[0] != "b" || p.Err == nil {
		t.Errorf("Head = %q, Err = %v; want the tag and the parser's complaint", got, p.Err)
	}
}

// Pages that take a parser quadratic time end soon, and do not hide a good
// head.
func TestMetaHostilePages(t *testing.T) {
	const tag = `<meta name="a" content="b">`
	many := func(n int, f func(int) string) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(f(i))
		}
		return b.String()
	}
	for name, body := range map[string]string{
		"attributes_of_html": many(50000, func(i int) string { return fmt.Sprintf("<html a%d=b>", i) }),
		"attributes_of_body": many(50000, func(i int) string { return fmt.Sprintf("<body a%d=b>", i) }),
		"formatting":         strings.Repeat("<b>", 400) + strings.Repeat("<p></p>", 140000),
		"misnested":          strings.Repeat("<b id=a1>", 200) + strings.Repeat("</p>", 250000),
		"fostered":           "<table>" + strings.Repeat("x<b>", 250000),
		"attributes_of_tag":  "<meta " + many(80000, func(i int) string { return fmt.Sprintf("a%d=b ", i) }) + ">",
		"open_tag":           "<meta " + strings.Repeat("<", 1<<20),
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			p := ParseMeta(context.Background(), []byte("<html><head>"+tag+"</head>"+body))
			if got := p.Head("a"); len(got) != 1 {
				t.Errorf("Head = %q (%v)", got, p.Err)
			}
			ParseMeta(context.Background(), []byte(body))
			if d := time.Since(start); d > 30*time.Second {
				t.Errorf("it took %v", d)
			}
		})
	}
}

func TestMetaStopsWithContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	p := ParseMeta(ctx, []byte(`<head><meta name="a" content="b"></head>`))
	if len(p.Tags) != 0 || p.Err == nil {
		t.Errorf("a parse after the deadline gave %+v, %v", p.Tags, p.Err)
	}
}

func FuzzParseMeta(f *testing.F) {
	for _, s := range []string{"<head><meta name=a content=b>", "\xff\xfe<\x00", "<!--<meta-->", "<template><meta name=a>", "<svg><meta/><template>", strings.Repeat("<b>", 600)} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, page []byte) {
		p := ParseMeta(context.Background(), page)
		if len(p.Tags) > maxMetaTags {
			t.Errorf("%d tags", len(p.Tags))
		}
		for _, m := range p.Tags {
			if m.Place == "" {
				t.Errorf("a tag without a place: %+v", m)
			}
		}
	})
}
