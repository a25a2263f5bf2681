package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/api"
	"github.com/zonehold/zonehold/internal/auth"
)

const (
	heartbeat   = 15 * time.Second // between comments of an idle stream
	writeLimit  = 10 * time.Second // for the client to take what was written
	streamBatch = 100
	reconnectMS = "2000"
	eventStream = "text/event-stream"
)

func (s *server) eventCalls(h huma.API) {
	register(s, h, call{
		id: "list-events", method: http.MethodGet, path: "/v1/events", tag: "Events", summary: "What happened",
		doc: "The account's events after a given one, oldest first. With Accept: text/event-stream the reply is a stream that goes on with new events; " +
			"a client that was cut off sends Last-Event-ID and misses nothing. An idle stream carries a comment every 15 s.",
		rules: rules{scope: zonehold.ScopeDomainsRead, bucket: reads}, replies: map[int]any{200: api.Page[api.Event]{}}, streams: true, errors: []int{404},
	}, s.listEvents)
}

type listEventsInput struct {
	After       string `query:"after" doc:"id of the last event that is known; absent: from the first"`
	Limit       int    `query:"limit" minimum:"1" maximum:"500" default:"50"`
	LastEventID string `header:"Last-Event-ID" doc:"as after, for streams; stronger than after"`
	Accept      string `header:"Accept" hidden:"true"`
}

func (s *server) listEvents(ctx context.Context, in *listEventsInput) (reply, error) {
	stream := wantsStream(in.Accept)
	after, name := in.After, "after"
	if stream && in.LastEventID != "" {
		after, name = in.LastEventID, "Last-Event-ID"
	}
	if after != "" && !zonehold.ValidID(zonehold.PrefixEvent, after) {
		return reply{}, badParameter(name, "This is not the id of an event.")
	}
	limit := in.Limit
	if stream {
		limit = streamBatch
	}
	events, err := s.Service.Events(ctx, actorOf(ctx), after, limit, false)
	if err != nil {
		return reply{}, err
	}
	if stream {
		return reply{stream: func(w http.ResponseWriter, r *http.Request) {
			s.stream(w, r, after, events)
		}}, nil
	}
	page := api.Page[api.Event]{Items: make([]api.Event, 0, len(events))}
	for _, e := range events {
		page.Items = append(page.Items, toEvent(e))
	}
	if len(events) == limit {
		page.NextCursor = &events[len(events)-1].ID
	}
	return reply{body: page}, nil
}

// wantsStream reports whether the client asks for a stream by name.
func wantsStream(accept string) bool {
	for _, part := range strings.Split(accept, ",") {
		mt, params, _ := strings.Cut(part, ";")
		if strings.EqualFold(strings.TrimSpace(mt), eventStream) {
			q := strings.ReplaceAll(params, " ", "")
			return q != "q=0" && q != "q=0.0" && q != "q=0.00" && q != "q=0.000"
		}
	}
	return false
}

// stream writes events until the client goes, the token is revoked, or the
// service shuts down.
func (s *server) stream(w http.ResponseWriter, r *http.Request, after string, events []zonehold.Event) {
	ctx, actor := r.Context(), actorOf(r.Context())
	if r.Method == http.MethodHead {
		w.Header().Set("Content-Type", eventStream)
		return
	}
	if !s.streams.enter(actor.TokenID) {
		s.fail(w, r, tooMany(heartbeat, "This token has as many event streams open as it may."))
		return
	}
	defer s.streams.leave(actor.TokenID)
	h := w.Header()
	h.Set("Content-Type", eventStream)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // nginx would hold events back
	w.WriteHeader(http.StatusOK)
	rc := http.NewResponseController(w)
	send := func(p []byte) bool {
		_ = rc.SetWriteDeadline(time.Now().Add(writeLimit)) // not every server can
		if _, err := w.Write(p); err != nil {
			return false
		}
		return rc.Flush() == nil
	}
	if !send([]byte("retry: " + reconnectMS + "\n\n")) {
		return
	}
	defer func() { _ = rc.SetWriteDeadline(time.Time{}) }()
	last := time.Now()
	for {
		for _, e := range events {
			after = e.ID
		}
		if len(events) > 0 {
			if !send(frames(events)) {
				return
			}
		} else if !send([]byte(": still here\n\n")) {
			return
		}
		if time.Since(last) >= heartbeat {
			last = time.Now()
			if !s.stillAllowed(r) {
				return
			}
		}
		waitCtx, cancel := context.WithTimeout(ctx, heartbeat)
		var err error
		events, err = s.Service.Events(waitCtx, actor, after, streamBatch, true)
		idle := waitCtx.Err() != nil
		cancel()
		if ctx.Err() != nil || err != nil && !idle || len(events) == 0 && !idle {
			return // the client has gone, or the service is going
		}
		if err != nil {
			events = nil
		}
	}
}

// stillAllowed asks again for the token of a long stream.
func (s *server) stillAllowed(r *http.Request) bool {
	token, err := auth.FromRequest(r, auth.Bearer)
	if err != nil {
		return false
	}
	actor, err := s.Auth.Authenticate(r.Context(), token)
	return err == nil && actor.Allows(zonehold.ScopeDomainsRead)
}

// frames renders events; JSON has no line breaks, so each is one data line.
func frames(events []zonehold.Event) []byte {
	var b bytes.Buffer
	for _, e := range events {
		b.WriteString("id: " + e.ID + "\nevent: " + string(e.Type) + "\ndata: ")
		var line bytes.Buffer
		if err := json.Compact(&line, encode(toEvent(e))); err != nil {
			continue // a stored event that is no JSON; encode refuses it before
		}
		b.Write(line.Bytes())
		b.WriteString("\n\n")
	}
	return b.Bytes()
}
