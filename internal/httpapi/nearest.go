package httpapi

import (
	"reflect"
	"strings"
)

// names are what the caller of an operation may send.
type names struct{ fields, parameters []string }

// namesKey is where an operation keeps its names.
const namesKey = "names"

// namesOf lists the fields of the body and the query parameters of an input.
func namesOf(input reflect.Type) (n names) {
	for i := range input.NumField() {
		f := input.Field(i)
		query, _, _ := strings.Cut(f.Tag.Get("query"), ",")
		switch {
		case query != "":
			n.parameters = append(n.parameters, query)
		case f.Name == "Body" && f.Type.Kind() == reflect.Struct:
			for j := range f.Type.NumField() {
				if name, _, _ := strings.Cut(f.Type.Field(j).Tag.Get("json"), ","); name != "" && name != "-" {
					n.fields = append(n.fields, name)
				}
			}
		case f.Anonymous && f.Type.Kind() == reflect.Struct:
			inner := namesOf(f.Type)
			n.fields, n.parameters = append(n.fields, inner.fields...), append(n.parameters, inner.parameters...)
		}
	}
	return n
}

// didYouMean names the known word that an unknown one was probably meant to
// be; empty where none is near.
func didYouMean(word string, known []string) string {
	if len(word) > 40 {
		return ""
	}
	plain := strings.NewReplacer("_", "", "-", "").Replace
	best, least := "", 3 // at most two edits
	for _, k := range known {
		d := edits(strings.ToLower(word), k)
		if strings.EqualFold(plain(word), plain(k)) {
			d = 0
		}
		if d < least && d < len(k)/2 {
			best, least = k, d
		}
	}
	if best == "" {
		return ""
	}
	return " Did you mean " + best + "?"
}

// edits is the number of bytes to insert, delete or replace to make b of a.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}
