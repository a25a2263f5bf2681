package problem

//go:generate go test . -run ^TestDocumentation$ -update

import (
	"fmt"
	"strings"
)

// Markdown renders the whole catalogue as the page docs/problems.md, one
// section per area, with the code of each cause as its anchor.
func Markdown() string {
	var b strings.Builder
	b.WriteString(`# Problems

Every check that does not end in "verified" names one cause by its code. The
codes are stable: they appear in the API, the CLI and the logs, and are never
reused. This page is generated from the catalogue in package ` + "`problem`" + `.

Words in braces stand for what was seen in the case at hand. A sentence whose
word is not known is left out. What is quoted from outside is cut and escaped.

`)
	entries := catalogue()
	for _, area := range areas {
		fmt.Fprintf(&b, "- [%s](#%s)\n", area.title, area.name)
	}
	for _, area := range areas {
		fmt.Fprintf(&b, "\n<a id=\"%s\"></a>\n\n## %s\n", area.name, area.title)
		for _, e := range entries {
			if e.Area == area.name {
				e.markdown(&b)
			}
		}
	}
	return b.String()
}

func (e Entry) markdown(b *strings.Builder) {
	fmt.Fprintf(b, "\n<a id=\"%s\"></a>\n\n### %s\n\n", e.Code, plainMarkdown(e.Title))
	fmt.Fprintf(b, "`%s` · %s · %s", e.Code, e.Severity, whoActs[e.WhoActs])
	if e.RetryAfterSeconds > 0 {
		fmt.Fprintf(b, " · check again after %d s", e.RetryAfterSeconds)
	}
	fmt.Fprintf(b, "\n\n%s\n\n", plainMarkdown(e.Meaning))
	fmt.Fprintf(b, "- **What we look for:** %s\n", plainMarkdown(e.LookedFor))
	fmt.Fprintf(b, "- **What we find:** %s\n", plainMarkdown(e.Found))
	b.WriteString("- **What to change:**\n")
	for _, fix := range e.Fixes {
		fmt.Fprintf(b, "  - %s\n", plainMarkdown(fix))
	}
	if e.Otherwise != "" {
		fmt.Fprintf(b, "  - In short: %s\n", plainMarkdown(e.Otherwise))
	}
	fmt.Fprintf(b, "- **See it yourself:** `%s`\n", e.SeeItYourself)
}

var whoActs = map[Actor]string{
	Owner:     "the owner of the domain acts",
	DNSHost:   "the DNS provider acts",
	WebHost:   "the web host acts",
	Registrar: "the registrar acts",
	MailHost:  "the mail host acts",
	Us:        "we act",
	Nobody:    "nobody has to act",
}

// plainMarkdown keeps texts from being read as markup.
func plainMarkdown(s string) string {
	return strings.NewReplacer(
		"<", "&lt;", ">", "&gt;", "&", "&amp;", "*", `\*`, "_", `\_`, "`", "\\`", "|", `\|`,
	).Replace(s)
}
