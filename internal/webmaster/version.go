package webmaster

import "strings"

// version is a path prefix of the API. v4 is the newest 4.x; they differ
// here only in the values that the enums may take (enums.go).
type version string

// versions in the order of their age.
var versions = []version{"v3", "v3.1", "v3.2", "v4", "v4.0", "v4.1"}

// v3 reports whether the values that left with v4 exist.
func (v version) v3() bool { return strings.HasPrefix(string(v), "v3") }

// Patterns are the paths below which the handler answers, in the form of
// http.ServeMux ("/v4.1/"); a chi router wants them with "*" appended.
func Patterns() []string {
	var p []string
	for _, v := range versions {
		p = append(p, "/"+string(v)+"/")
	}
	return p
}
