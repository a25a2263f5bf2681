package diagnose_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/testnet"
	"github.com/zonehold/zonehold/verify/verifytest"
)

const (
	file    = zonehold.MethodFile
	txtFile = zonehold.MethodTXTFile
	meta    = zonehold.MethodMetaTag
)

// answer serves the proof's path with a status and a body.
func answer(status int, kind, body string) func(*bench) {
	return func(b *bench) { b.site().Page(b.path(), status, kind, b.fill(body)) }
}

func (b *bench) path() string {
	if b.ch.File != nil {
		return b.ch.File.Path
	}
	return "/"
}

// fill puts the case's own strings into a text.
func (b *bench) fill(s string) string {
	content, html := "", ""
	if b.ch.File != nil {
		content = b.ch.File.Content
	}
	if b.ch.Tag != nil {
		html = b.ch.Tag.HTML
	}
	return strings.NewReplacer("CONTENT", content, "TAG", html, "TOKEN", b.ch.Token).Replace(s)
}

func all(f func(w http.ResponseWriter, r *http.Request)) func(*bench) {
	return func(b *bench) { b.site().CatchAll(http.HandlerFunc(f)) }
}

func hostFault(f testnet.HostFault) func(*bench) {
	return func(b *bench) {
		b.Place(b.m, b.claim)
		b.site().Fault(f)
	}
}

// at serves the right file at other paths.
func at(paths func(dir, stem, ext string) string) func(*bench) {
	return func(b *bench) {
		p := b.path()
		slash, dot := strings.LastIndexByte(p, '/')+1, strings.LastIndexByte(p, '.')
		b.site().Page(paths(p[:slash], p[slash:dot], p[dot:]), 200, "text/plain", b.ch.File.Content)
	}
}

func utf16le(s string) string {
	var b strings.Builder
	b.WriteString("\xff\xfe")
	for _, c := range []byte(s) {
		b.WriteByte(c)
		b.WriteByte(0)
	}
	return b.String()
}

func TestCausesOfReach(t *testing.T) {
	runFixtures(t, []fixture{
		{name: "no_address", method: file, want: "http_no_public_address", cause: func(b *bench) {
			b.zone().Remove("@", "A").Remove("@", "AAAA")
		}, mortal: true},
		{name: "private_address", method: file, want: "http_no_public_address", cause: func(b *bench) {
			b.zone().Remove("@", "A").Remove("@", "AAAA").Add("@", "A", "10.0.0.5")
		}, mortal: true},
		{name: "not_registered", method: file, want: "domain_not_registered", cause: func(b *bench) { b.zone().Undelegate() },
			heal: func(b *bench) { b.zone().Delegate(); b.Place(b.m, b.claim) }},
		{name: "name_servers_silent", method: file, want: "dns_timeout", cause: func(b *bench) {
			b.kit = b.Hasty()
			faults(testnet.FaultTimeout)(b)
		}, heal: noFaults},
		{name: "name_servers_refuse", method: file, want: "dns_lame_delegation", cause: faults(testnet.FaultRefused), heal: noFaults},
		{name: "name_servers_fail", method: meta, want: "dns_servfail", cause: faults(testnet.FaultServFail), heal: noFaults},
		{name: "refused", method: file, want: "http_connect_failed", cause: hostFault(testnet.HostFaultRefused)},
		{name: "connect_timeout", method: meta, want: "http_connect_failed", cause: func(b *bench) {
			b.kit = b.Hasty()
			hostFault(testnet.HostFaultConnectTimeout)(b)
		}, heal: func(b *bench) { b.kit = b.Kit; b.heal() }},
		{name: "silent", method: file, want: "http_body_too_large_or_slow", cause: func(b *bench) {
			b.kit = b.Hasty()
			hostFault(testnet.HostFaultSilent)(b)
		}, mortal: true},
		{name: "ipv6_serves_another_site", method: file, want: "http_ipv6_differs", cause: func(b *bench) {
			b.Place(b.m, b.claim)
			b.Host(b.claim).V6().Page(b.path(), 404, "text/html", "no such page")
		}, heal: func(b *bench) { b.Host(b.claim).V6().Handle(b.path(), nil) }},
		{name: "ipv6_serves_another_page", method: meta, want: "http_ipv6_differs", cause: func(b *bench) {
			b.Place(b.m, b.claim)
			b.Host(b.claim).V6().Page("/", 200, "text/html", verifytest.Page(""))
		}, heal: func(b *bench) { b.Host(b.claim).V6().Handle("/", nil) }},
		{name: "ipv6_resets", method: file, want: "http_ipv6_differs", cause: func(b *bench) {
			b.Place(b.m, b.claim)
			b.Host(b.claim).V6().Page(b.path(), 500, "text/html", "broken")
		}, heal: func(b *bench) { b.Host(b.claim).V6().Handle(b.path(), nil) }},
		{name: "one_of_two_addresses", method: file, want: "http_addresses_disagree", cause: func(b *bench) {
			// Without IPv6; the first address lacks the file.
			b.zone().Remove("@", "AAAA")
			second := b.Host(b.claim).AddAddress(false)
			second.Page(b.path(), 200, "text/plain", b.ch.File.Content)
			for _, a := range b.Host(b.claim).Addrs() {
				if a.Is4() {
					b.Host(b.claim).At(a).Page(b.path(), 404, "text/html", "no")
					break
				}
			}
			// Both orders of trying have to meet a bad one first: all but the
			// last are bad.
			b.zone().Remove("@", "AAAA")
		}, mortal: true},
		{name: "certificate_expired", method: file, want: "tls_failed", cause: func(b *bench) {
			b.claim.Scheme = "https"
			hostFault(testnet.HostFaultTLSExpired)(b)
		}},
		{name: "certificate_of_another_name", method: meta, want: "tls_failed", cause: func(b *bench) {
			b.claim.Scheme = "https"
			hostFault(testnet.HostFaultTLSWrongName)(b)
		}},
		{name: "certificate_self_signed", method: file, want: "tls_failed", cause: func(b *bench) {
			b.claim.Scheme = "https"
			hostFault(testnet.HostFaultTLSSelfSigned)(b)
		}},
		{name: "ports_swapped", method: file, want: "http_port_mixup", cause: hostFault(testnet.HostFaultSwapTLS)},
		{name: "garbage", method: file, want: "http_protocol_error", cause: func(b *bench) {
			b.claim.Scheme = "http"
			hostFault(testnet.HostFaultGarbage)(b)
		}},
		{name: "redirect_off_site", method: file, want: "http_redirected_off_host", cause: func(b *bench) {
			b.site().Redirect(b.path(), 302, "https://login.identity.net/start")
		}},
		{name: "redirect_to_login_host", method: file, want: "http_redirected_off_host", cause: func(b *bench) {
			b.Net.Host("login.example.com").Page("/start", 200, "text/html", verifytest.Page(""))
			b.site().Redirect(b.path(), 302, "https://login.example.com/start")
		}},
		{name: "redirect_missing_slash", method: file, want: "http_redirect_missing_slash", cause: func(b *bench) {
			b.site().Redirect(b.path(), 301, "https://www.example.com"+strings.TrimPrefix(b.path(), "/"))
		}},
		{name: "redirect_loop", method: file, want: "http_redirect_loop", cause: func(b *bench) {
			b.site().Redirect(b.path(), 301, b.path())
		}},
		{name: "redirect_endless", method: file, want: "http_redirect_loop", cause: all(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, r.URL.Path+"x", http.StatusFound)
		})},
		{name: "redirect_to_odd_scheme", method: file, want: "http_redirect_invalid", cause: func(b *bench) {
			b.site().Redirect(b.path(), 301, "ftp://example.com/x")
		}},
		{name: "home_page_elsewhere", method: meta, want: "meta_page_redirects_away", cause: func(b *bench) {
			b.site().Redirect("/", 301, "https://www.brand.net/")
		}},
		{name: "home_page_on_another_subdomain", method: meta, want: "meta_page_redirects_away", cause: func(b *bench) {
			b.Net.Host("shop.example.com").Page("/", 200, "text/html", verifytest.Page(""))
			b.site().Redirect("/", 301, "https://shop.example.com/")
		}},
		{name: "password", method: file, want: "http_auth_required", cause: func(b *bench) {
			b.Place(b.m, b.claim)
			b.site().BasicAuth("user", "secret")
		}, heal: func(b *bench) { b.claim.BasicUser, b.claim.BasicPassword = "user", "secret" }},
		{name: "shield_by_header", method: file, want: "http_blocked_by_bot_protection", cause: all(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Cf-Mitigated", "challenge")
			w.Header().Set("Server", "cloudflare")
			w.WriteHeader(403)
			_, _ = io.WriteString(w, "<title>Just a moment...</title>")
		})},
		{name: "shield_by_page_503", method: meta, want: "http_blocked_by_bot_protection", cause: func(b *bench) {
			b.site().Page("/", 503, "text/html", "<script src=/cdn-cgi/challenge-platform/h/b/orchestrate></script>")
		}},
		{name: "shield_test_cookie_200", method: file, want: "http_blocked_by_bot_protection", cause: all(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `<script>document.cookie="__test="+toHex(slowAES.decrypt(c,2,a,b))</script>`)
		})},
		{name: "filter_on_user_agent", method: file, want: "http_blocked_by_bot_protection", cause: func(b *bench) {
			b.site().Handle(b.path(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if !strings.Contains(r.UserAgent(), "Firefox") {
					w.WriteHeader(403)
					return
				}
				_, _ = io.WriteString(w, b.ch.File.Content)
			}))
		}},
		{name: "forbidden_for_everybody", method: file, want: "http_server_error", cause: answer(403, "text/html", "Forbidden"), heal: func(b *bench) { b.heal() }},
		{name: "rate_limit", method: file, want: "http_geo_blocked", cause: answer(429, "text/html", "slow down")},
		{name: "legal_block", method: file, want: "http_geo_blocked", cause: answer(451, "text/html", "not here")},
		{name: "dot_folder_forbidden", method: file, want: "http_dot_path_blocked", cause: func(b *bench) {
			b.site().CatchAll(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.Contains(r.URL.Path, "/.") {
					w.WriteHeader(403)
					return
				}
				w.WriteHeader(404)
			}))
		}},
		{name: "server_error", method: file, want: "http_server_error", cause: answer(500, "text/html", "oops")},
		{name: "maintenance", method: file, want: "http_site_unpublished", cause: all(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(503)
			_, _ = io.WriteString(w, "<html><title>Down for maintenance</title></html>")
		})},
		{name: "coming_soon", method: meta, want: "http_site_unpublished", cause: answer(200, "text/html", "<html><head><title>Coming soon!</title></head></html>")},
		{name: "broken_compression", method: meta, want: "http_content_encoding_broken", cause: hostFault(testnet.HostFaultBadEncoding)},
		{name: "huge", method: file, want: "http_body_too_large_or_slow", cause: hostFault(testnet.HostFaultHugeBody)},
		{name: "other_scheme_has_it", method: file, want: "http_https_differ", cause: func(b *bench) {
			b.claim.Scheme = "https"
			b.Host(b.claim).Plain().Page(b.path(), 200, "text/plain", b.ch.File.Content)
		}},
	})
}

func TestCausesOfFiles(t *testing.T) {
	runFixtures(t, []fixture{
		{name: "missing", method: file, want: "http_not_found", cause: func(*bench) {}},
		{name: "missing_yandex", method: file, profile: "yandex", want: "http_not_found", cause: func(*bench) {}},
		{name: "missing_probely", method: file, profile: "probely", want: "http_not_found", cause: func(*bench) {}},
		{name: "missing_empty_file", method: txtFile, want: "http_not_found", cause: func(*bench) {}},
		{name: "missing_on_every_address", method: file, want: "http_not_found", cause: func(b *bench) {
			b.Host(b.claim).AddAddress(false)
			b.Host(b.claim).AddAddress(true)
		}},
		{name: "missing_behind_a_cache", method: file, want: "http_not_found", cause: all(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Cache", "HIT")
			w.Header().Set("Server", "cloudflare")
			w.WriteHeader(404)
		})},
		{name: "gone", method: file, want: "http_not_found", cause: answer(410, "text/html", "gone")},
		{name: "double_ending", method: file, want: "http_not_found", cause: at(func(dir, stem, ext string) string { return dir + stem + ext + ".txt" })},
		{name: "copy", method: file, want: "http_not_found", cause: at(func(dir, stem, ext string) string { return dir + stem + "(1)" + ext })},
		{name: "in_the_root", method: file, want: "http_not_found", cause: at(func(_, stem, ext string) string { return "/" + stem + ext })},
		{name: "double_ending_yandex", method: file, profile: "yandex", want: "http_not_found", cause: at(func(dir, stem, ext string) string { return dir + stem + ext + ".txt" })},
		{name: "soft_404", method: file, want: "http_soft_404", cause: all(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, verifytest.Page(""))
		})},
		{name: "soft_404_with_changing_page", method: file, want: "http_soft_404", cause: func() func(*bench) {
			var n atomic.Int64
			return all(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "text/html")
				_, _ = fmt.Fprint(w, verifytest.Page(fmt.Sprintf("<script nonce=%d></script>", n.Add(1))))
			})
		}()},
		{name: "everything_is_right", method: file, profile: "probely", want: "http_soft_404", cause: all(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "Probely")
		}), heal: func(b *bench) { b.heal() }},
		{name: "echo_yandex", method: file, profile: "yandex", want: "http_soft_404", cause: func(b *bench) {
			p, _ := zonehold.ProfileByName("yandex")
			b.site().CatchAll(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				token := strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, "/yandex_"), ".html")
				_, _ = io.WriteString(w, p.FileBody(token))
			}))
		}},
		{name: "any_empty_file", method: txtFile, want: "http_soft_404", cause: all(func(http.ResponseWriter, *http.Request) {})},
		{name: "decorated", method: file, want: "file_decorated", cause: answer(200, "text/html", "<html><body><header>Shop</header>CONTENT<footer>x</footer></body></html>")},
		{name: "decorated_yandex", method: file, profile: "yandex", want: "file_decorated", cause: answer(200, "text/html", "<html><head><script src=/counter.js></script></head><body>Verification: TOKEN</body></html>")},
		{name: "decorated_probely", method: file, profile: "probely", want: "file_decorated", cause: answer(200, "text/html", "<html><body>Probely<script></script></body></html>")},
		{name: "utf16", method: file, want: "file_bom_or_encoding", cause: func(b *bench) {
			b.site().Page(b.path(), 200, "text/plain", utf16le(b.ch.File.Content))
		}},
		{name: "old_content", method: file, want: "token_old", cause: func(b *bench) {
			b.site().Page(b.path(), 200, "text/plain", "token="+b.retired())
		}},
		{name: "old_file", method: file, want: "token_old", cause: func(b *bench) {
			old := b.retired()
			p, _ := zonehold.ProfileByName("")
			b.site().Page(p.FilePath(old), 200, "text/plain", p.FileBody(old))
		}},
		{name: "old_file_yandex", method: file, profile: "yandex", want: "token_old", cause: func(b *bench) {
			old := b.retired()
			p, _ := zonehold.ProfileByName("yandex")
			b.site().Page(p.FilePath(old), 200, "text/html", p.FileBody(old))
		}},
		{name: "other_claim", method: file, want: "token_of_other_claim", cause: func(b *bench) {
			other := b.Claim("example.net", "").Tokens.File
			b.kit.OtherClaim = func(_ context.Context, s string) bool { return s == other }
			b.site().Page(b.path(), 200, "text/plain", "token="+other)
		}},
		{name: "placeholder", method: file, want: "value_placeholder", cause: answer(200, "text/plain", "token=<token>")},
		{name: "default_page", method: file, want: "http_default_page", cause: all(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "<html><head><title>Welcome to nginx!</title></head><body></body></html>")
		})},
		{name: "gzip_twice", method: file, want: "http_content_encoding_broken", cause: answer(200, "text/plain", "\x1f\x8b\x08\x00abc")},
		{name: "stale_copy", method: file, want: "http_stale_cdn_copy", cause: func(b *bench) {
			b.site().Handle(b.path(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.RawQuery == "" {
					w.Header().Set("Age", "1234")
					w.Header().Set("X-Cache", "HIT from edge")
					_, _ = io.WriteString(w, "token=older")
					return
				}
				_, _ = io.WriteString(w, b.ch.File.Content)
			}))
		}},
		{name: "one_node_of_several", method: file, want: "http_nodes_disagree", cause: func(b *bench) {
			b.zone().Remove("@", "AAAA")
			b.claim.Scheme = "http"
			var n atomic.Int64
			b.site().Handle(b.path(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if n.Add(1) == 1 {
					w.WriteHeader(404)
					return
				}
				_, _ = io.WriteString(w, b.ch.File.Content)
			}))
		}},
		{name: "wrong_content", method: file, want: "file_wrong_content", cause: answer(200, "text/plain", "hello")},
		{name: "not_empty", method: txtFile, want: "file_wrong_content", cause: answer(200, "text/plain", "x")},
		{name: "removed", method: file, want: "proof_removed", cause: func(b *bench) { b.claim.VerifiedBefore = time.Now().AddDate(0, -1, 0) }},
	})
}

func TestCausesOfMeta(t *testing.T) {
	head := func(h string) func(*bench) {
		return func(b *bench) { b.page(verifytest.Page(b.fill(h))) }
	}
	body := func(h string) func(*bench) {
		return func(b *bench) {
			b.page("<!doctype html><html><head><title>x</title></head><body>" + b.fill(h) + "<p>Hello, this is a page with a text of its own, long enough to be no shell of any kind of framework whatever it may be.</p></body></html>")
		}
	}
	runFixtures(t, []fixture{
		{name: "missing", method: meta, want: "meta_missing", cause: head("")},
		{name: "missing_on_a_page_with_scripts", method: meta, want: "meta_missing", cause: head(`<script async src="https://www.googletagmanager.com/gtm.js?id=GTM-1"></script><meta name="description" content="x"><meta name="google-site-verification" content="y">`)},
		{name: "missing_on_a_page_with_links", method: meta, want: "meta_missing", cause: body(`<a href="/en/">English</a><a href="https://other.net/x">x</a><a href="mailto:a@b.c">m</a>`)},
		{name: "missing_behind_www", method: meta, want: "meta_missing", cause: func(b *bench) {
			b.Net.Host("www.example.com").Page("/", 200, "text/html", verifytest.Page(""))
			b.site().Redirect("/", 301, "https://www.example.com/")
		}},
		{name: "home_page_missing", method: meta, want: "http_not_found", cause: func(b *bench) { b.site().Page("/", 404, "text/html", "no") }},
		{name: "other_content", method: meta, want: "meta_value_mismatch", cause: head(`<meta name="zonehold-verification" content="abc">`)},
		{name: "in_body", method: meta, want: "meta_in_body", cause: body("TAG")},
		{name: "in_body_yandex", method: meta, profile: "yandex", want: "meta_in_body", cause: body("TAG")},
		{name: "after_paragraph_in_head", method: meta, want: "meta_head_closed_early", cause: head("<p>oops</p>\nTAG")},
		{name: "after_text_in_head", method: meta, want: "meta_head_closed_early", cause: head("oops\nTAG")},
		{name: "in_comment", method: meta, want: "meta_in_comment_or_template", cause: head("<!-- TAG -->")},
		{name: "in_template", method: meta, want: "meta_in_comment_or_template", cause: head("<template>TAG</template>")},
		{name: "in_noscript", method: meta, want: "meta_in_comment_or_template", cause: head("<noscript>TAG</noscript>")},
		{name: "in_title", method: meta, want: "meta_in_comment_or_template", cause: func(b *bench) { b.page(b.fill("<html><head><title>TAG</title></head></html>")) }},
		{name: "property", method: meta, want: "meta_attribute_wrong", cause: head(`<meta property="zonehold-verification" content="TOKEN">`)},
		{name: "value_attribute", method: meta, want: "meta_attribute_wrong", cause: head(`<meta name="zonehold-verification" value="TOKEN">`)},
		{name: "name_mistyped", method: meta, want: "meta_attribute_wrong", cause: head(`<meta name="zonehold-verifcation" content="TOKEN">`)},
		{name: "smart_quotes", method: meta, want: "meta_value_quoted", cause: head("<meta name=\u201dzonehold-verification\u201d content=\u201dTOKEN\u201d>")},
		{name: "escaped_quotes", method: meta, want: "meta_value_quoted", cause: head(`<meta name="zonehold-verification" content="&quot;TOKEN&quot;">`)},
		{name: "tag_in_the_field", method: meta, want: "meta_value_quoted", cause: head(`<meta name="zonehold-verification" content="&lt;meta name=x content=TOKEN&gt;">`)},
		{name: "escaped_tag", method: meta, want: "meta_in_comment_or_template", cause: body(`&lt;meta name="zonehold-verification" content="TOKEN"&gt;`)},
		{name: "script", method: meta, want: "meta_needs_javascript", cause: head("<script>document.write('TAG')</script>")},
		{name: "shell", method: meta, want: "meta_needs_javascript", cause: func(b *bench) {
			b.page(`<!doctype html><html><head><title>App</title><script defer src=/main.js></script></head><body><noscript>You need to enable JavaScript to run this app.</noscript><div id="root"></div></body></html>`)
		}},
		{name: "other_page", method: meta, want: "meta_on_other_page", cause: func(b *bench) {
			b.page(strings.Replace(verifytest.Page(""), "<h1>", `<a href="/en/">English</a><a href="/about">About</a><h1>`, 1))
			b.Host(b.claim).Page("/en/", 200, "text/html", verifytest.Page(b.ch.Tag.HTML))
		}},
		{name: "old", method: meta, want: "token_old", cause: func(b *bench) {
			b.page(verifytest.Page(`<meta name="zonehold-verification" content="` + b.retired() + `">`))
		}},
		{name: "other_claim", method: meta, want: "token_of_other_claim", cause: func(b *bench) {
			other := b.Claim("example.net", "").Tokens.Meta
			b.kit.OtherClaim = func(_ context.Context, s string) bool { return s == other }
			b.page(verifytest.Page(`<meta name="zonehold-verification" content="` + other + `">`))
		}},
		{name: "placeholder", method: meta, want: "value_placeholder", cause: head(`<meta name="zonehold-verification" content="your-token-here">`)},
		{name: "beyond_the_limit", method: meta, want: "meta_beyond_size_limit", cause: head("<style>" + strings.Repeat("a{}", 400<<10) + "</style>TAG")},
		{name: "removed", method: meta, want: "proof_removed", cause: func(b *bench) {
			b.page(verifytest.Page(""))
			b.claim.VerifiedBefore = time.Now().AddDate(0, -1, 0)
		}},
		{name: "probely_wrong_name", method: meta, profile: "probely", want: "meta_attribute_wrong", cause: head(`<meta name="probely" content="TOKEN">`)},
	})
}
