// Package problem is the catalogue of causes: why a proof fails, whose turn
// it is, and what to change.
package problem

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

// Entry is one row of the catalogue. Texts hold placeholders.
type Entry struct {
	Code              Code
	Area              string
	Severity          Severity
	WhoActs           Actor
	RetryAfterSeconds int
	Title             string
	Meaning           string // for the documentation: what is going on, in two or three sentences
	LookedFor         string
	Found             string
	Fixes             []string
	SeeItYourself     string
}

// New fills in the entry of code. An unknown code is a programming error and
// gives a generic problem that says so.
func New(code Code, facts Facts) Problem { panic("owner: problem") }

// Catalogue returns all entries in documentation order.
func Catalogue() []Entry { panic("owner: problem") }

// Lookup finds one entry.
func Lookup(code Code) (Entry, bool) { panic("owner: problem") }

// Clean makes foreign text safe to show on one line: C0, C1, bidi and
// invisible characters become visible escapes, invalid UTF-8 \xNN, and the
// result is cut at limit characters.
func Clean(s string, limit int) string { panic("owner: problem") }
