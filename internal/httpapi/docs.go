package httpapi

import (
	"bytes"
	"cmp"
	"embed"
	"html/template"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/zonehold/zonehold/problem"
)

//go:embed pages
var pageFiles embed.FS

// docsPolicy lets a page load our style sheet and nothing else.
const docsPolicy = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// serveDocs renders the documentation once; it changes only with the program.
func (s *server) serveDocs() {
	tmpl := template.Must(template.ParseFS(pageFiles, "pages/*.html"))
	page := func(path, name string, data any) {
		var buf bytes.Buffer
		if err := tmpl.ExecuteTemplate(&buf, name, data); err != nil {
			panic(err) // a mistake in a template, seen by every test
		}
		s.routes.Get(path, func(w http.ResponseWriter, r *http.Request) {
			h := w.Header()
			h.Set("Content-Security-Policy", docsPolicy)
			h.Set("Referrer-Policy", "no-referrer")
			serveBytes(w, r, "text/html; charset=utf-8", buf.Bytes())
		})
	}
	page("/docs/", "api.html", apiPage(s.doc))
	page("/docs/problems", "problems.html", problemsPage())
	page("/docs/errors", "errors.html", errorsPage())
	css, err := pageFiles.ReadFile("pages/style.css")
	if err != nil {
		panic(err)
	}
	s.routes.Get("/docs/style.css", func(w http.ResponseWriter, r *http.Request) {
		serveBytes(w, r, "text/css; charset=utf-8", css)
	})
	s.routes.Get("/docs", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/docs/", http.StatusMovedPermanently)
	})
}

type docCall struct {
	ID, Method, Path, Summary, Text, Scope, Body string
	Public                                       bool
	Parameters                                   []docField
	Replies                                      []docReply
}

type docReply struct{ Status, Schema string }

type docField struct{ Name, In, Type, Ref, Text string }

type docSchema struct {
	Name   string
	Fields []docField
}

func apiPage(doc *huma.OpenAPI) any {
	data := struct {
		Title, Intro string
		Calls        []docCall
		Schemas      []docSchema
	}{Title: "The API, /v1", Intro: doc.Info.Description}
	order := map[string]int{}
	for i, t := range doc.Tags {
		order[t.Name] = i
	}
	var ops []*huma.Operation
	for _, item := range doc.Paths {
		for _, op := range []*huma.Operation{item.Get, item.Post, item.Patch, item.Delete} {
			if op != nil {
				ops = append(ops, op)
			}
		}
	}
	slices.SortFunc(ops, func(a, b *huma.Operation) int {
		return cmp.Or(cmp.Compare(order[a.Tags[0]], order[b.Tags[0]]), strings.Compare(a.Path, b.Path), strings.Compare(a.Method, b.Method))
	})
	for _, op := range ops {
		data.Calls = append(data.Calls, describeCall(op))
	}
	for name, schema := range doc.Components.Schemas.Map() {
		data.Schemas = append(data.Schemas, describeSchema(name, schema))
	}
	slices.SortFunc(data.Schemas, func(a, b docSchema) int { return strings.Compare(a.Name, b.Name) })
	return data
}

func describeCall(op *huma.Operation) docCall {
	ru, _ := op.Metadata[rulesKey].(rules)
	text, _, _ := strings.Cut(op.Description, "\n\nScope:")
	c := docCall{ID: op.OperationID, Method: op.Method, Path: op.Path, Summary: op.Summary, Text: text, Scope: string(ru.scope), Public: ru.public}
	for _, p := range op.Parameters {
		f := describeField(p.Name, p.Schema)
		f.In, f.Text = p.In, cmp.Or(p.Description, f.Text)
		c.Parameters = append(c.Parameters, f)
	}
	if op.RequestBody != nil {
		for _, m := range op.RequestBody.Content {
			c.Body = refName(m.Schema)
		}
	}
	for status, r := range op.Responses {
		rep := docReply{Status: status}
		for _, m := range r.Content {
			rep.Schema = cmp.Or(rep.Schema, refName(m.Schema))
		}
		c.Replies = append(c.Replies, rep)
	}
	slices.SortFunc(c.Replies, func(a, b docReply) int { return strings.Compare(a.Status, b.Status) })
	return c
}

func describeSchema(name string, schema *huma.Schema) docSchema {
	out := docSchema{Name: name}
	for field, s := range schema.Properties {
		out.Fields = append(out.Fields, describeField(field, s))
	}
	slices.SortFunc(out.Fields, func(a, b docField) int { return strings.Compare(a.Name, b.Name) })
	return out
}

func describeField(name string, s *huma.Schema) docField {
	f := docField{Name: name, Text: s.Description}
	inner, null := s, s.Nullable
	for _, alt := range s.AnyOf {
		if alt.Ref != "" {
			inner = alt
		} else {
			null = true
		}
	}
	list := ""
	if inner.Type == huma.TypeArray && inner.Items != nil {
		list, inner = "list of ", inner.Items
	}
	if f.Ref = refName(inner); f.Ref != "" {
		f.Type = f.Ref
	} else {
		f.Type = cmp.Or(inner.Format, inner.Type, "any JSON")
	}
	f.Type = list + f.Type
	if null {
		f.Type += " or null"
	}
	if len(inner.Enum) > 0 {
		var words []string
		for _, e := range inner.Enum {
			if w, ok := e.(string); ok {
				words = append(words, w)
			}
		}
		f.Text = strings.TrimSpace(f.Text + " One of " + strings.Join(words, ", ") + ".")
	}
	return f
}

func refName(s *huma.Schema) string {
	if s == nil {
		return ""
	}
	return s.Ref[strings.LastIndexByte(s.Ref, '/')+1:]
}

func problemsPage() any {
	type entry struct {
		Code, Title, Severity, WhoActs, Meaning, LookedFor, Found, See string
		Retry                                                          int
		Fixes                                                          []string
	}
	data := struct {
		Title   string
		Entries []entry
	}{Title: "Problems"}
	for _, e := range problem.Catalogue() {
		data.Entries = append(data.Entries, entry{
			Code: string(e.Code), Title: e.Title, Severity: string(e.Severity), WhoActs: strings.ReplaceAll(string(e.WhoActs), "_", " "),
			Meaning: e.Meaning, LookedFor: e.LookedFor, Found: e.Found, See: e.SeeItYourself, Retry: e.RetryAfterSeconds, Fixes: e.Fixes,
		})
	}
	return data
}

func errorsPage() any {
	type entry struct {
		Code, Title, Meaning string
		Status               int
	}
	data := struct {
		Title   string
		Entries []entry
	}{Title: "Errors of the API"}
	for _, r := range refusals {
		data.Entries = append(data.Entries, entry{string(r.code), r.title, r.meaning, r.status})
	}
	return data
}
