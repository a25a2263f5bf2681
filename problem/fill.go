package problem

import "strings"

// Bounds of what is quoted from outside (threat T15; ux section 3.2).
const (
	maxShown   = 160 // characters of any fact in a text
	maxGot     = 100 // characters of FactGot in a text
	maxCommand = 600 // bytes of a fact in a command; a cut one would mislead
)

func cleanFacts(facts Facts) Facts {
	out := make(Facts, len(facts))
	for k, v := range facts {
		limit := maxShown
		if k == FactGot {
			limit = maxGot
		}
		out[k] = Clean(v, limit)
	}
	return out
}

// fill expands a text sentence by sentence and leaves out those that need a
// missing fact.
func fill(text string, facts Facts) string {
	var out []string
	for _, s := range sentences(text) {
		if s, ok := expand(s, facts); ok {
			out = append(out, s)
		}
	}
	return strings.Join(out, " ")
}

// sentences splits after a full stop, question mark or exclamation mark that
// a space follows. Templates have no other use for that.
func sentences(text string) []string {
	var out []string
	start := 0
	for i := 0; i+1 < len(text); i++ {
		if strings.IndexByte(".!?", text[i]) >= 0 && text[i+1] == ' ' {
			out = append(out, text[start:i+1])
			start = i + 2
		}
	}
	if start < len(text) {
		out = append(out, text[start:])
	}
	return out
}

// expand replaces placeholders in one pass, so that a brace in a fact stays a
// brace. It reports false when a fact is missing.
func expand(template string, facts Facts) (string, bool) {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(template, "{")
		b.WriteString(before)
		if !found {
			return b.String(), true
		}
		key, after, _ := strings.Cut(rest, "}")
		value := facts[key]
		if value == "" {
			return "", false
		}
		b.WriteString(value)
		template = after
	}
}

// command expands a shell command word by word and quotes what came from
// outside. It is empty when a fact is missing, too long, or would be read as
// an option, or by curl as something else than a web address. "@{server}" is
// optional: without it the question goes to the person's own resolver, which
// then has to recurse.
func command(template string, facts Facts) string {
	raw := make(Facts, len(facts))
	for k, v := range facts {
		if len(v) <= maxCommand {
			raw[k] = Clean(v, 4*maxCommand) // an escape has at most 4 characters a byte: never cut
		}
	}
	web := strings.Contains(template, "curl ")
	var out []string
	for _, word := range strings.Fields(template) {
		switch {
		case word == "+norecurse" && raw[FactServer] == "":
		case !strings.Contains(word, "{"):
			out = append(out, word)
		default:
			text, ok := expand(word, raw)
			if !ok && word[0] == '@' {
				continue
			}
			if !ok || word[0] == '{' && (strings.IndexByte("-+@", text[0]) >= 0 || web && !isURL(text)) {
				return ""
			}
			out = append(out, ShellQuote(text))
		}
	}
	return strings.Join(out, " ")
}

func isURL(s string) bool {
	return strings.HasPrefix(s, "https://") || strings.HasPrefix(s, "http://")
}

// ShellQuote returns s as one word of a POSIX shell: as it is if it holds
// nothing special, in single quotes otherwise.
func ShellQuote(s string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:@%+=,"
	if s != "" && strings.Trim(s, plain) == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
