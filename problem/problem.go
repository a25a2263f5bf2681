// Package problem is the catalogue of causes: why a proof fails, whose turn
// it is, and what to change. One file per area holds the texts.
package problem

import "slices"

// Code names one cause. It is stable and never reused.
type Code string

// Severity ranks problems.
type Severity string

const (
	SeverityError   Severity = "error"
	SeverityWarning Severity = "warning"
	SeverityInfo    Severity = "info"
)

// Actor says who must act.
type Actor string

const (
	Owner     Actor = "owner"
	DNSHost   Actor = "dns_host"
	WebHost   Actor = "web_host"
	Registrar Actor = "registrar"
	MailHost  Actor = "mail_host"
	Us        Actor = "us"
	Nobody    Actor = "nobody"
)

// Problem is one cause with the evidence of one case filled in. Its JSON is
// the native API's (contract native, Problem).
type Problem struct {
	Code              Code     `json:"code"`
	Severity          Severity `json:"severity"`
	Title             string   `json:"title"`
	LookedFor         string   `json:"looked_for"`
	Found             string   `json:"found"`
	Fixes             []string `json:"fixes"`
	SeeItYourself     string   `json:"see_it_yourself"`
	WhoActs           Actor    `json:"who_acts"`
	RetryAfterSeconds int      `json:"retry_after_seconds"`
	DocsURL           string   `json:"docs_url"`
}

// AsNote returns a copy for use beside a verdict that it did not decide.
func (p Problem) AsNote() Problem {
	p.Severity = SeverityInfo
	p.Fixes = slices.Clone(p.Fixes)
	return p
}

// Entry is one row of the catalogue. Texts hold placeholders such as {name},
// filled from Facts.
type Entry struct {
	Code              Code
	Area              string
	Severity          Severity
	WhoActs           Actor
	RetryAfterSeconds int // when a new check may see a change; 0: not by waiting
	Title             string
	Meaning           string // for the documentation: what is going on, in two or three sentences
	LookedFor         string
	Found             string
	Fixes             []string // most telling first
	Otherwise         string   // takes the place of the first fix when a fact for that is missing; holds no placeholder
	SeeItYourself     string   // a command, to be pasted into a shell
}

// DocsURL is where the documentation of code is served.
func DocsURL(code Code) string { return "/docs/problems#" + string(code) }

// New fills in the entry of code. Sentences that need a fact which is not
// given are left out. An unknown code is a programming error and gives a
// generic problem that says so.
func New(code Code, facts Facts) Problem {
	e, ok := Lookup(code)
	if !ok {
		e = unknown
		e.Code = Code(Clean(string(code), 60))
	}
	shown := cleanFacts(facts)
	p := Problem{
		Code:              e.Code,
		Severity:          e.Severity,
		Title:             e.Title,
		LookedFor:         fill(e.LookedFor, shown),
		Found:             fill(e.Found, shown),
		Fixes:             []string{},
		SeeItYourself:     command(e.SeeItYourself, facts),
		WhoActs:           e.WhoActs,
		RetryAfterSeconds: e.RetryAfterSeconds,
		DocsURL:           DocsURL(e.Code),
	}
	if p.LookedFor == "" {
		p.LookedFor = lookedForAtAll[e.Area]
	}
	if p.Found == "" {
		p.Found = e.Title + "."
	}
	for i, fix := range e.Fixes {
		text := fill(fix, shown)
		if text == "" && i == 0 {
			text = e.Otherwise
		}
		if text != "" {
			p.Fixes = append(p.Fixes, text)
		}
	}
	return p
}

var unknown = Entry{
	Area:     "ours",
	Severity: SeverityError,
	WhoActs:  Us,
	Title:    "The check ended with a reason that has no description",
	Fixes:    []string{"Tell the operator of this service the code of this problem."},
}
