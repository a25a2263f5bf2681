package housetest

import (
	"fmt"
	"go/ast"
	"go/token"
	"slices"
	"strconv"
	"strings"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/problem"
)

// rule looks at a tree and tells what breaks it, one sentence each.
type rule struct {
	name  string
	check func(*tree) []string
}

var rules = []rule{
	{"imports", checkImports},
	{"public packages stay light", checkPublic},
	{"HTTP packages stay apart", checkHTTP},
	{"databases", checkDatabases},
	{"only probe dials", checkDialling},
	{"only store holds SQL", checkSQL},
	{"random numbers", checkRandom},
	{"nothing unfinished", checkUnfinished},
	{"methods know nothing of dialects", checkDialects},
	{"problem codes exist", checkCodes},
}

// checkImports holds every package to its row of the table.
func checkImports(tr *tree) []string {
	var out []string
	for _, f := range tr.product() {
		allowed, ok := imports[f.pkg]
		if !ok {
			out = append(out, fmt.Sprintf("%s: package %q has no row in the table of imports", f.name, f.pkg))
			continue
		}
		for _, spec := range f.Imports {
			if p, ok := ours(importPath(spec)); ok && !matches(p, allowed) {
				out = append(out, fmt.Sprintf("%s: %q must not import %q", tr.line(spec.Pos()), f.pkg, p))
			}
		}
	}
	return out
}

// checkPublic keeps internal packages and heavy modules out of what others
// embed.
func checkPublic(tr *tree) []string {
	var out []string
	for _, f := range tr.product() {
		if !f.public() {
			continue
		}
		allowed := outside
		if strings.HasSuffix(f.pkg, "test") {
			allowed = append(slices.Clone(outside), outsideTestHelpers...)
		}
		for _, spec := range f.Imports {
			p := importPath(spec)
			house, mine := ours(p)
			first, _, _ := strings.Cut(p, "/")
			switch {
			case mine && strings.HasPrefix(house, "internal/"):
				out = append(out, fmt.Sprintf("%s: public package %q imports %q", tr.line(spec.Pos()), f.pkg, house))
			case !mine && strings.Contains(first, ".") && !inModule(p, allowed):
				out = append(out, fmt.Sprintf("%s: public package %q imports the module of %s", tr.line(spec.Pos()), f.pkg, p))
			}
		}
	}
	return out
}

// checkHTTP says again, for every version of the table, what the four HTTP
// packages must not reach for themselves.
func checkHTTP(tr *tree) []string {
	four := []string{"internal/httpapi", "internal/webmaster", "internal/probely", "internal/webui"}
	never := append([]string{"internal/store/...", "verify/...", "discover/...", "internal/jobs"}, four...)
	var out []string
	for _, f := range tr.product() {
		if !slices.Contains(four, f.pkg) {
			continue
		}
		for _, spec := range f.Imports {
			if p, ok := ours(importPath(spec)); ok && matches(p, never) {
				out = append(out, fmt.Sprintf("%s: HTTP package %q imports %q", tr.line(spec.Pos()), f.pkg, p))
			}
		}
	}
	return out
}

func checkDatabases(tr *tree) []string {
	var out []string
	for _, f := range tr.product() {
		if slices.Contains(databasePackages, f.pkg) {
			continue
		}
		for _, spec := range f.Imports {
			if p := importPath(spec); inModule(p, databases) {
				out = append(out, fmt.Sprintf("%s: %q imports the database package %s", tr.line(spec.Pos()), f.pkg, p))
			}
		}
	}
	return out
}

// dials lists what opens connections or asks the system's resolver, per
// package; "*" is every name.
var dials = map[string][]string{
	"net": {
		"Dial", "DialTimeout", "DialTCP", "DialUDP", "DialIP", "DialUnix", "Dialer", "Resolver", "DefaultResolver",
		"ResolveTCPAddr", "ResolveUDPAddr", "ResolveIPAddr",
	},
	"net/http":                   {"Get", "Post", "PostForm", "Head", "Client", "DefaultClient", "Transport", "DefaultTransport", "ProxyFromEnvironment"},
	"net/http/httputil":          {"ReverseProxy", "NewSingleHostReverseProxy", "NewClientConn"},
	"crypto/tls":                 {"Dial", "DialWithDialer", "Dialer", "Client"},
	"syscall":                    {"Connect", "Sendto"},
	"golang.org/x/sys/unix":      {"Connect", "Sendto"},
	"github.com/miekg/dns":       {"Client", "Exchange", "ExchangeContext", "ExchangeConn", "Dial", "DialTimeout", "DialTimeoutWithTLS", "DialWithTLS", "Transfer"},
	"net/smtp":                   {"*"},
	"net/rpc":                    {"*"},
	"golang.org/x/net/websocket": {"*"},
	"golang.org/x/net/proxy":     {"*"},
	"golang.org/x/net/http2":     {"*"},
	"golang.org/x/net/icmp":      {"*"},
	"golang.org/x/net/quic":      {"*"},
}

func checkDialling(tr *tree) []string {
	var out []string
	for _, f := range tr.product() {
		if matches(f.pkg, dialling) || diallingFiles[f.pkg] != "" || diallingFiles[f.name] != "" {
			continue
		}
		f.uses(func(pos token.Pos, imported, name string) {
			names := dials[imported]
			if slices.Contains(names, name) || slices.Contains(names, "*") || len(names) > 0 && name == "." ||
				imported == "net" && strings.HasPrefix(name, "Lookup") {
				out = append(out, fmt.Sprintf("%s: %s.%s dials, and only probe may", tr.line(pos), imported, name))
			}
		})
	}
	return out
}

func checkSQL(tr *tree) []string {
	var out []string
	for _, f := range tr.product() {
		if slices.Contains(sqlPackages, f.pkg) {
			continue
		}
		f.literals(func(pos token.Pos, value string) {
			if looksLikeSQL(value) {
				out = append(out, fmt.Sprintf("%s: SQL outside of store", tr.line(pos)))
			}
		})
	}
	return out
}

// looksLikeSQL takes a text that begins with an SQL keyword in capitals, or
// with a whole SQL phrase in small letters. English sentences do neither.
func looksLikeSQL(s string) bool {
	words := strings.Fields(s)
	if len(words) < 2 {
		return false
	}
	switch words[0] {
	case "SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "ALTER", "DROP", "WITH", "PRAGMA", "TRUNCATE":
		return true
	case "select":
		return slices.Contains(words, "from")
	case "update":
		return slices.Contains(words, "set")
	}
	switch words[0] + " " + words[1] {
	case "insert into", "delete from", "create table", "create index", "create unique", "drop table", "alter table":
		return true
	}
	return false
}

func checkRandom(tr *tree) []string {
	var out []string
	for _, f := range tr.product() {
		for _, spec := range f.Imports {
			p := importPath(spec)
			if p == "math/rand" || p == "math/rand/v2" && plainRandom[f.name] == "" && f.pkg != "testnet" {
				out = append(out, fmt.Sprintf("%s: imports %s; secrets need crypto/rand, jitter a line in the list", tr.line(spec.Pos()), p))
			}
		}
	}
	return out
}

// checkUnfinished finds marks of work left over, also in tests.
func checkUnfinished(tr *tree) []string {
	marks := []string{"TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"}
	var out []string
	for _, f := range tr.files {
		for _, group := range f.Comments {
			for _, c := range group.List {
				for word := range strings.FieldsFuncSeq(c.Text, func(r rune) bool { return (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && r != '_' }) {
					if slices.Contains(marks, word) {
						out = append(out, fmt.Sprintf("%s: the mark %s", tr.line(c.Pos()), word))
					}
				}
			}
		}
		ast.Inspect(f.File, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) != 1 {
				return true
			}
			if fn, ok := call.Fun.(*ast.Ident); ok && fn.Name == "panic" {
				if text := literal(call.Args[0]); strings.HasPrefix(text, "owner: ") || strings.Contains(text, "not implemented") {
					out = append(out, fmt.Sprintf("%s: a stub", tr.line(call.Pos())))
				}
			}
			return true
		})
	}
	return out
}

func checkDialects(tr *tree) []string {
	var out []string
	for _, f := range tr.product() {
		if !matches(f.pkg, dialectBlind) || f.pkg == "problem" && strings.HasPrefix(f.name, "problem/dns_value") {
			continue // a text may quote a line of each profile as an example
		}
		f.literals(func(pos token.Pos, value string) {
			for _, word := range dialects {
				if strings.Contains(strings.ToLower(value), word) {
					out = append(out, fmt.Sprintf("%s: the text %q names a dialect", tr.line(pos), problem.Clean(value, 60)))
				}
			}
		})
	}
	return out
}

// checkCodes finds codes that are written out in the source but are not in
// the catalogue: problem.New("…"), problem.Code("…"), constants of type
// problem.Code, and in verify and diagnose every text that looks like a code.
func checkCodes(tr *tree) []string {
	var out []string
	judge := func(pos token.Pos, code string) {
		if _, ok := problem.Lookup(problem.Code(code)); !ok && code != "" {
			out = append(out, fmt.Sprintf("%s: no entry for the problem code %q", tr.line(pos), code))
		}
	}
	for _, f := range tr.product() {
		if f.pkg == "verify" || f.pkg == "diagnose" {
			f.literals(func(pos token.Pos, value string) {
				if looksLikeCode(value) {
					judge(pos, value)
				}
			})
			continue
		}
		ast.Inspect(f.File, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				if fromProblem(n.Fun, "New", "Code", "Lookup") && len(n.Args) > 0 {
					judge(n.Args[0].Pos(), literal(n.Args[0]))
				}
			case *ast.ValueSpec:
				if fromProblem(n.Type, "Code") {
					for _, v := range n.Values {
						judge(v.Pos(), literal(v))
					}
				}
			}
			return true
		})
	}
	return out
}

func fromProblem(e ast.Expr, names ...string) bool {
	sel, ok := e.(*ast.SelectorExpr)
	return ok && isIdent(sel.X, "problem") && slices.Contains(names, sel.Sel.Name)
}

// looksLikeCode takes a snake_case word that begins like the codes of checks
// and is not the name of a method.
func looksLikeCode(s string) bool {
	area, _, ok := strings.Cut(s, "_")
	return ok && slices.Contains([]string{"dns", "dnssec", "cname", "http", "tls", "file", "meta"}, area) &&
		strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789_") == "" && !zonehold.Method(s).Valid()
}

func isIdent(e ast.Expr, name string) bool {
	id, ok := e.(*ast.Ident)
	return ok && id.Name == name
}

func literal(e ast.Expr) string {
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return ""
	}
	s, _ := strconv.Unquote(lit.Value)
	return s
}
