package probely

import "github.com/zonehold/zonehold/internal/app"

// Bounds of texts in replies, in characters.
const (
	maxEcho = 300  // what the client sent
	maxPart = 400  // one part of a text
	maxText = 1000 // a text as a whole
)

// explain says in one line what is wrong and what was found. The whole
// diagnosis is in the native API.
func explain(title, found string) string {
	text := app.Sentence(title)
	if found = app.Sentence(found); found != "" && found != text {
		text += " " + found
	}
	return app.OneLine(text, maxText)
}
