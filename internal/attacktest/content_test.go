package attacktest

import (
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/verify/verifytest"
)

// echoes are servers that build the answer from the question, or from the one
// before (T28). None of them knows the secret.
func echoes(c *check) map[string]func(w http.ResponseWriter, r *http.Request) {
	p, _ := zonehold.ProfileByName(c.claim.Profile)
	name := func(path string) string {
		path = path[strings.LastIndexByte(path, '/')+1:]
		path, _, _ = strings.Cut(path, ".")
		return path[strings.LastIndexByte(path, '_')+1:]
	}
	write := func(f func(r *http.Request) string) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, f(r))
		}
	}
	var mu sync.Mutex
	seen, last := map[string]int{}, ""
	return map[string]func(http.ResponseWriter, *http.Request){
		"nothing": write(func(*http.Request) string { return "" }),
		"blank":   write(func(*http.Request) string { return " \r\n" }),
		"path":    write(func(r *http.Request) string { return r.URL.Path }),
		"uri":     write(func(r *http.Request) string { return "http://" + r.Host + r.RequestURI }),
		"host":    write(func(r *http.Request) string { return r.Host }),
		"agent":   write(func(r *http.Request) string { return r.UserAgent() }),
		"everything": write(func(r *http.Request) string {
			var b strings.Builder
			_ = r.Write(&b)
			return b.String()
		}),
		"name":              write(func(r *http.Request) string { return name(r.URL.Path) }),
		"token=name":        write(func(r *http.Request) string { return "token=" + name(r.URL.Path) }),
		"file for name":     write(func(r *http.Request) string { return p.FileBody(name(r.URL.Path)) }),
		"tag for name":      write(func(r *http.Request) string { return verifytest.Page(p.TagHTML(name(r.URL.Path))) }),
		"title is the path": write(func(r *http.Request) string { return "<title>" + r.URL.Path + "</title>" }),
		"Probely":           write(func(*http.Request) string { return "Probely" }),
		"previous path": write(func(r *http.Request) string {
			mu.Lock()
			defer mu.Unlock()
			before := last
			last = r.URL.Path
			return p.FileBody(name(before))
		}),
		"random": write(func(r *http.Request) string { return fmt.Sprintf("<p>%d %s</p>", rand.Uint64(), r.URL.Path) }),
		"random length": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "0")
			w.Header().Set("X-Random", fmt.Sprint(rand.Uint64()))
		},
		// The second answer is that the server is tired, which says nothing of
		// what it serves.
		"rate limited": func(w http.ResponseWriter, r *http.Request) {
			tired(&mu, seen, w, r, p.FileBody(name(r.URL.Path)), 429)
		},
		"overloaded": func(w http.ResponseWriter, r *http.Request) {
			tired(&mu, seen, w, r, p.FileBody(name(r.URL.Path)), 503)
		},
		"broken": func(w http.ResponseWriter, r *http.Request) { tired(&mu, seen, w, r, "", 502) },
		// The second answer breaks off.
		"breaks off": func(w http.ResponseWriter, r *http.Request) { tired(&mu, seen, w, r, p.FileBody(name(r.URL.Path)), -1) },
	}
}

// tired answers the first path that a scheme is asked for, and that only; any
// other gets the status. -1 is a whole head and then the end.
func tired(mu *sync.Mutex, seen map[string]int, w http.ResponseWriter, r *http.Request, body string, status int) {
	mu.Lock()
	defer mu.Unlock()
	key := "http"
	if r.TLS != nil {
		key = "https"
	}
	seen[key]++
	switch {
	case seen[key]%2 == 1:
		_, _ = io.WriteString(w, body)
	case status < 0:
		w.Header().Set("Content-Length", "500")
		_, _ = io.WriteString(w, "<p>")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	default:
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// T28, T29: servers that say yes to anything, at first sight.
func TestT28T29Echoes(t *testing.T) {
	everywhere(t, onWeb, func(c *check) {
		for name := range echoes(c) {
			for _, status := range []int{200, 404} {
				echo := echoes(c)[name] // with a memory of its own
				c.Net.Host("www.example.com").CatchAll(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if status != 200 {
						w = &always{w, status}
					}
					echo(w, r)
				}))
				r := c.try()
				if r.Outcome == zonehold.OutcomeVerified {
					c.t.Errorf("a server that echoes %s with %d was believed", name, status)
				}
			}
		}
	})
}

// always sends one status whatever the handler says.
type always struct {
	http.ResponseWriter
	status int
}

func (a *always) WriteHeader(int) { a.ResponseWriter.WriteHeader(a.status) }
func (a *always) Write(p []byte) (int, error) {
	a.ResponseWriter.WriteHeader(a.status)
	return a.ResponseWriter.Write(p)
}

// T29: a server that is careful with decoys it has learned. What it cannot
// learn is the secret in the body; where there is none, it has to know that a
// file was meant to be there.
func TestT29LearningServer(t *testing.T) {
	everywhere(t, onFile, func(c *check) {
		if c.claim.Profile != zonehold.ProfileZonehold || c.ch.File.Content == "" {
			c.t.Skip("the dialect fixes a content that the URL gives away")
		}
		var mu sync.Mutex
		known := map[string]int{}
		c.Net.Host("www.example.com").CatchAll(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			known[r.URL.Path]++
			if known[r.URL.Path] < 2 {
				w.WriteHeader(404)
				return
			}
			// A path asked for twice is a real file to this server.
			_, _ = io.WriteString(w, "token="+strings.TrimSuffix(r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:], ".txt"))
		}))
		for range 4 {
			c.deny(c.try(), nil)
		}
	})
}

// T29: the right file on a server with a soft 404 is still a proof where it
// holds the secret, and nothing else is.
func TestT29SoftNotFound(t *testing.T) {
	everywhere(t, onFile, func(c *check) {
		pages := map[string]func() string{
			"same": func() string { return "<html><title>Shop</title><body>Welcome</body></html>" },
			"random": func() string {
				return fmt.Sprintf("<html><title>Not found %d</title></html>", rand.Uint64())
			},
			"growing": func() string { return strings.Repeat("x", rand.IntN(5000)+1) },
			"empty":   func() string { return "" },
			"proof":   func() string { return c.ch.File.Content },
		}
		for name, body := range pages {
			site := c.Net.Host("www.example.com").CatchAll(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "text/html")
				_, _ = io.WriteString(w, body())
			}))
			r := c.try()
			c.deny(r, any_(refused, mismatch))
			if name == "proof" && r.Problem.Code != "http_soft_404" {
				c.t.Errorf("%s: problem %s", name, r.Problem.Code)
			}
			if c.ch.File.Content != "" && name != "proof" {
				site.Handle(c.path(), c.proof())
				if r := c.try(); r.Outcome != zonehold.OutcomeVerified {
					c.t.Errorf("the right file beside soft 404s (%s): %s %+v", name, r.Outcome, r.Problem)
				}
				site.Handle(c.path(), nil)
			}
		}
	})
}

// Statuses and wrappings that are not the file.
func TestT28ExactAnswer(t *testing.T) {
	everywhere(t, onWeb, func(c *check) {
		site := c.Net.Host("www.example.com")
		for _, status := range []int{201, 202, 203, 206, 226, 300, 304, 400, 401, 402, 403, 404, 407, 410, 418, 421, 429, 451, 500, 502, 503, 520, 599} {
			site.Handle(c.path(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				c.proof().ServeHTTP(&always{w, status}, r)
				if c.ch.File != nil && c.ch.File.Content == "" {
					w.WriteHeader(status)
				}
			}))
			if r := c.try(); r.Outcome == zonehold.OutcomeVerified {
				c.t.Errorf("status %d was believed", status)
			}
		}
		if c.ch.File == nil {
			return
		}
		body := c.ch.File.Content
		wrappings := []string{"<!-- " + body + " -->", body + body, body + "\nmore", "x" + body, "<pre>" + body + "</pre>", strings.ToUpper(body) + ".", `"` + body + `"`, body + "\x00x", body + strings.Repeat(" ", 1<<20) + "x"}
		if body == "" {
			wrappings = []string{" ", "\n", "\ufeff", "\x00", "0"}
		}
		for _, w := range wrappings {
			site.Page(c.path(), 200, "text/html", w)
			if r := c.try(); r.Outcome == zonehold.OutcomeVerified {
				c.t.Errorf("%.80q was believed", w)
			}
		}
	})
}

// T32: where a tag does not count, and what strangers can put into a page.
func TestT32MetaPlaces(t *testing.T) {
	type page struct {
		name, html string
		counts     bool
	}
	everywhere(t, onTag, func(c *check) {
		tag := c.ch.Tag.HTML
		esc := strings.NewReplacer("<", "&lt;", ">", "&gt;", `"`, "&quot;").Replace(tag)
		pages := []page{
			{"head", "<html><head>" + tag + "</head><body></body></html>", true},
			{"no head element", tag + "<p>hi", true},
			{"second after another site's", `<html><head><meta name="` + c.ch.Tag.Name + `" content="stranger">` + tag + "</head></html>", true},

			{"body", "<html><head></head><body>" + tag + "</body></html>", false},
			{"end of body", "<html><head></head><body><p>x" + tag, false},
			{"after html", "<html><head></head><body></body></html>" + tag, false},
			{"after paragraph in head", "<html><head><p>" + tag + "</head></html>", false},
			{"after text in head", "<html><head>text" + tag + "</head></html>", false},
			{"after image in head", "<html><head><img src=x>" + tag + "</head></html>", false},
			{"after a non-breaking space", "<html><head>\u00a0" + tag + "</head></html>", false},
			{"second head", "<html><head></head><body><head>" + tag + "</head></body></html>", false},
			{"second html", "<html><head></head><body><html><head>" + tag, false},
			{"comment", "<html><head><!-- " + tag + " --></head></html>", false},
			{"open comment", "<html><head><!-- " + tag + "</head></html>", false},
			{"bogus comment", "<html><head><!" + strings.ReplaceAll(tag, ">", "") + "></head></html>", false},
			{"conditional comment", "<html><head><!--[if IE]>" + tag + "<![endif]--></head></html>", false},
			{"processing instruction", "<html><head><?" + strings.ReplaceAll(tag, ">", "") + "></head></html>", false},
			{"cdata", "<html><head><![CDATA[" + tag + "]]></head></html>", false},
			{"title", "<html><head><title>" + tag + "</title></head></html>", false},
			{"open title", "<html><head><title>" + tag, false},
			{"style", "<html><head><style>" + tag + "</style></head></html>", false},
			{"script", "<html><head><script>document.write('" + tag + "')</script></head></html>", false},
			{"script in comment", "<html><head><script><!--" + tag + "--></script></head></html>", false},
			{"double escaped script", "<html><head><script><!--<script>" + tag + "</script>" + tag + "--></script></head></html>", false},
			{"json", `<html><head><script type="application/ld+json">{"x":"` + strings.ReplaceAll(tag, `"`, `\"`) + `"}</script></head></html>`, false},
			{"template", "<html><head><template>" + tag + "</template></head></html>", false},
			{"nested template", "<html><head><template><template></template>" + tag + "</template></head></html>", false},
			{"open template", "<html><head><template>" + tag, false},
			{"noscript", "<html><head><noscript>" + tag + "</noscript></head></html>", false},
			{"noframes", "<html><head><noframes>" + tag + "</noframes></head></html>", false},
			{"textarea", "<html><body><textarea>" + tag + "</textarea></body></html>", false},
			{"xmp", "<html><body><xmp>" + tag + "</xmp></body></html>", false},
			{"plaintext", "<html><head><plaintext>" + tag, false},
			{"iframe", "<html><head></head><body><iframe>" + tag + "</iframe></body></html>", false},
			{"iframe source", "<html><head></head><body><iframe srcdoc='" + tag + "'></iframe></body></html>", false},
			{"svg", "<html><body><svg>" + tag + "</svg></body></html>", false},
			{"svg in head", "<html><head><svg>" + tag + "</svg></head></html>", false},
			{"math", "<html><body><math><mi>" + tag + "</mi></math></body></html>", false},
			{"foreign object", "<html><body><svg><foreignObject>" + tag + "</foreignObject></svg></body></html>", false},
			{"table", "<html><body><table>" + tag + "</table></body></html>", false},
			{"select", "<html><body><select>" + tag + "</select></body></html>", false},
			{"frameset", "<html><head></head><frameset>" + tag + "</frameset></html>", false},
			{"escaped", "<html><head></head><body>" + esc + "</body></html>", false},
			{"escaped in title", "<html><head><title>" + esc + "</title></head></html>", false},
			{"attribute of another tag", "<html><head><meta name=description content='" + tag + "'></head></html>", false},
			{"property", strings.Replace("<html><head>"+tag+"</head></html>", "name=", "property=", 1), false},
			{"itemprop", strings.Replace("<html><head>"+tag+"</head></html>", "name=", "itemprop=", 1), false},
			{"http-equiv", strings.Replace("<html><head>"+tag+"</head></html>", "name=", "http-equiv=", 1), false},
			{"value", strings.Replace("<html><head>"+tag+"</head></html>", "content=", "value=", 1), false},
			{"first of two names", `<html><head><meta name="description" name="` + c.ch.Tag.Name + `" content="` + c.ch.Token + `"></head></html>`, false},
			{"first of two contents", `<html><head><meta name="` + c.ch.Tag.Name + `" content="x" content="` + c.ch.Token + `"></head></html>`, false},
			{"another name", strings.Replace("<html><head>"+tag+"</head></html>", c.ch.Tag.Name, c.ch.Tag.Name+"2", 1), false},
			{"link", strings.Replace("<html><head>"+tag+"</head></html>", "<meta", "<link", 1), false},
			{"metadata", strings.Replace("<html><head>"+tag+"</head></html>", "<meta", "<metadata", 1), false},
			{"token among words", strings.Replace("<html><head>"+tag+"</head></html>", c.ch.Token, "a "+c.ch.Token, 1), false},
			{"utf-7", "<html><head>+ADw-meta name+AD0-+ACI-" + c.ch.Tag.Name + "+ACI- content+AD0-+ACI-" + c.ch.Token + "+ACI-+AD4-</head></html>", false},
			{"utf-16 without a mark", "\x00<\x00" + strings.Join(strings.Split("html><head>"+tag, ""), "\x00"), false},
			{"deep", strings.Repeat("<div>", 100_000) + tag, false},
			{"deep in template", "<html><head><template>" + strings.Repeat("<div>", 100_000) + tag, false},
			{"many open formats", strings.Repeat("<b><i><u>", 30_000) + tag, false},
			{"end of head in an attribute", `<html><body title="</head>"><head>` + tag, false},
			{"deep with an end of head in a comment", "<p><!-- </head> -->" + tag + strings.Repeat("<div>", 1000), false},
			{"deep with a head in a comment", "<html><!--<head>-->x" + tag + "</head>" + strings.Repeat("<div>", 1000), false},
			{"many bodies", strings.Repeat("<body>", 50) + tag + "</head>", false},
		}
		for _, p := range pages {
			c.Net.Host("www.example.com").Page("/", 200, "text/html", p.html)
			r := c.try()
			if got := r.Outcome == zonehold.OutcomeVerified; got != p.counts {
				c.t.Errorf("%s: outcome %s", p.name, r.Outcome)
			}
			if !p.counts && r.Outcome == refused {
				c.t.Errorf("%s: refused by %s", p.name, r.Problem.Code)
			}
		}
	})
}

// T32, T31: the home page that counts is the claimed host's own.
func TestT32OtherPages(t *testing.T) {
	everywhere(t, onTag, func(c *check) {
		site := c.Net.Host("www.example.com").CatchAll(http.NotFoundHandler())
		site.Handle("/index.html", c.proof()).Handle("/users/mallory", c.proof()).Page("/", 200, "text/html", verifytest.Page(""))
		c.deny(c.try(), any_(absent))
		c.Net.Host("users.example.net").CatchAll(c.proof())
		for _, body := range []string{
			`<meta http-equiv="refresh" content="0;url=https://users.example.net/">`, `<base href="https://users.example.net/">`, `<link rel=canonical href="https://users.example.net/">`,
			`<script>location="https://users.example.net/"</script>`, `<frame src="https://users.example.net/">`,
		} {
			site.Page("/", 200, "text/html", verifytest.Page(body))
			c.deny(c.try(), any_(absent, mismatch))
		}
		if n := c.requestsTo("users.example.net"); n > 0 {
			c.t.Errorf("%d requests to the page that the home page names", n)
		}
	})
}

// T13: the password of a site goes to that site and nowhere else.
func TestT13Credentials(t *testing.T) {
	const user, password = "deploy", "s3cret-pass.word"
	basic := base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
	everywhere(t, onWeb, func(c *check) {
		site := c.Net.Host("www.example.com").Listen(8443, true)
		c.Net.Host("other.example.com").CatchAll(c.proof())
		c.Net.Host("evil.net").CatchAll(c.proof())
		c.claim.BasicUser, c.claim.BasicPassword = user, password
		targets := []string{
			"https://other.example.com{path}", "http://other.example.com{path}", "https://evil.net{path}", "http://www.example.com/there", "https://www.example.com/there",
			"https://www.example.com:8443{path}", "//other.example.com{path}", "https://www.example.com./there", "https://WWW.example.com/there",
		}
		for _, scheme := range []string{"https", "http"} {
			c.claim.Scheme = scheme
			for _, to := range targets {
				c.Net.ResetHistory()
				site.CatchAll(rawRedirect(strings.ReplaceAll(to, "{path}", c.path())))
				site.Handle("/there", http.NotFoundHandler())
				r := c.try()
				for _, q := range c.Net.Requests() {
					has := q.Header.Get("Authorization") != ""
					own := q.Server == "www.example.com" && q.TLS == (scheme == "https") && (q.Addr.Port() == 443 || q.Addr.Port() == 80)
					if has && (!own || strings.HasPrefix(q.Path, "/there")) {
						c.t.Errorf("claim on %s, redirect to %s: the password went to %s (TLS %v) port %d %s", scheme, to, q.Server, q.TLS, q.Addr.Port(), q.Path)
					}
				}
				text := fmt.Sprintf("%+v %+v %+v", r.Problem, r.Notes, r.Steps)
				if strings.Contains(text, password) || strings.Contains(text, basic) {
					c.t.Errorf("the password is in the texts: %s", text)
				}
			}
			// A page that links on, reached by a redirect.
			if c.ch.Tag != nil {
				c.Net.ResetHistory()
				c.Net.Host("other.example.com").CatchAll(page(`<html><head></head><body><a href="/en">a</a><a href="/de">b</a><a href="/contact">c</a>`))
				site.CatchAll(rawRedirect(scheme + "://other.example.com/"))
				c.deny(c.try(), nil)
				for _, q := range c.Net.Requests() {
					if q.Server != "www.example.com" && q.Header.Get("Authorization") != "" {
						c.t.Errorf("the password went to %s for %s", q.Server, q.Path)
					}
				}
				c.Net.Host("other.example.com").CatchAll(c.proof())
			}
			// The other scheme is not asked with it either, also by the
			// diagnosis of a site that answers nothing.
			c.Net.ResetHistory()
			site.CatchAll(http.NotFoundHandler())
			c.deny(c.try(), nil)
			for _, q := range c.Net.Requests() {
				if q.TLS != (scheme == "https") && q.Header.Get("Authorization") != "" {
					c.t.Errorf("a claim on %s sent the password over the other scheme, for %s", scheme, q.Path)
				}
			}
		}
	})
}
