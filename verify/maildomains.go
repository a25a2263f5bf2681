package verify

import (
	_ "embed"
	"strings"
	"sync"

	"github.com/zonehold/zonehold"
)

// The lists hold one domain a line, # for comments. They are of our own
// making and never complete: whoever shares a mail domain with strangers here
// is found by their number (see maxSharers).
var (
	//go:embed data/freemail.txt
	freemailList string
	//go:embed data/disposable.txt
	disposableList string
)

var sharedMail = sync.OnceValue(func() map[string]string {
	all := make(map[string]string)
	for _, l := range []struct{ text, kind string }{
		{freemailList, "free mail addresses"}, {disposableList, "disposable mail addresses"},
	} {
		for line := range strings.Lines(l.text) {
			line, _, _ = strings.Cut(line, "#")
			if line = strings.TrimSpace(line); line != "" {
				all[line] = l.kind
			}
		}
	}
	return all
})

// SharedMailDomain reports whether anybody can get an address in the mail
// domain, or in one above it, and of which kind: "free mail addresses" or
// "disposable mail addresses" (threat T37).
func SharedMailDomain(name string) (kind string, shared bool) {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if h := zonehold.Hostname(name); h.IsPublicSuffix() {
		return "customers of one provider", true
	}
	for at := name; strings.Contains(at, "."); _, at, _ = strings.Cut(at, ".") {
		if kind, ok := sharedMail()[at]; ok {
			return kind, true
		}
	}
	return "", false
}
