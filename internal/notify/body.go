package notify

import (
	"bytes"
	"encoding/json"
	"slices"
	"time"

	"github.com/zonehold/zonehold"
)

// maxBody is how long the body of a webhook may be (Standard Webhooks 1.0.0).
const maxBody = 20_000 // bytes

// payload is the body of a webhook.
type payload struct {
	Type      string          `json:"type"`
	Timestamp time.Time       `json:"timestamp"`
	Data      json.RawMessage `json:"data"`
}

// bodyOf writes the body for an event. It depends on the event alone, so each
// try sends the same. Where it would be too long the longest fields of the
// data are left out and named in "omitted"; GET /v1/events has them.
func bodyOf(e *zonehold.Event) []byte {
	p := payload{Type: string(e.Type), Timestamp: e.CreatedAt.UTC(), Data: e.Data}
	var fields map[string]json.RawMessage
	if json.Unmarshal(e.Data, &fields) != nil || fields == nil {
		fields, p.Data = map[string]json.RawMessage{}, []byte("{}")
	}
	body := encode(p)
	var omitted []string
	for len(body) >= maxBody {
		longest := ""
		for name, value := range fields {
			if longest == "" || len(value) > len(fields[longest]) || len(value) == len(fields[longest]) && name < longest {
				longest = name
			}
		}
		if longest == "" {
			// Names alone are too long, which our own events never have.
			p.Data = encode(map[string]any{"event_id": e.ID, "omitted": []string{}})
			return encode(p)
		}
		delete(fields, longest)
		omitted = append(omitted, longest)
		slices.Sort(omitted)
		small := map[string]any{"event_id": e.ID, "omitted": omitted}
		for name, value := range fields {
			small[name] = value
		}
		p.Data = encode(small)
		body = encode(p)
	}
	return body
}

// encode renders JSON without escaping HTML characters, which only pages need.
func encode(v any) []byte {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic("notify: " + err.Error()) // texts, times, and JSON that was read
	}
	return bytes.TrimRight(buf.Bytes(), "\n")
}
