package app

import (
	"encoding/base64"
	"encoding/json"
	"time"
)

// place is where a page ended. A cursor is its text form, opaque to callers.
type place struct {
	Order string `json:"o,omitempty"` // the order the page had
	Name  string `json:"n,omitempty"`
	Time  int64  `json:"t,omitempty"` // microseconds
	ID    string `json:"i"`
}

func (p place) cursor() string {
	b, err := json.Marshal(p)
	if err != nil {
		panic("app: " + err.Error()) // strings and a number
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

func (p place) time() time.Time { return time.UnixMicro(p.Time) }

// parseCursor reads a cursor of a list in that order.
func parseCursor(s, order string) (place, error) {
	var p place
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err == nil {
		err = json.Unmarshal(b, &p)
	}
	if err != nil || p.ID == "" || p.Order != order || len(s) > 1000 {
		return place{}, invalid("cursor", "The cursor does not belong to this list. Begin again without one.")
	}
	return p, nil
}
