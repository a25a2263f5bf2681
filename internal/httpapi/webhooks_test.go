package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/app"
	"github.com/zonehold/zonehold/internal/store/storetest"
	"github.com/zonehold/zonehold/verify"
)

// anyTarget takes https URLs.
type anyTarget struct{}

func (anyTarget) Parse(typed string) (string, error) {
	if !strings.HasPrefix(typed, "https://") {
		return "", errors.New("webhooks go to https:// only")
	}
	return typed, nil
}

func (anyTarget) NewSecret() string { return "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" }

// The calls over the real use cases: statuses, ETags, scopes, and secrets that
// are shown once.
func TestWebhookCalls(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	a, err := app.New(app.Config{Store: s, Kit: &verify.Kit{}, Webhooks: anyTarget{}})
	if err != nil {
		t.Fatal(err)
	}
	account, err := s.CreateAccount(t.Context(), zonehold.Account{Name: "anna"})
	if err != nil {
		t.Fatal(err)
	}
	was := anna
	anna = account // whose tokens the bench knows
	t.Cleanup(func() { anna = was })
	b := &bench{tokens: &tokens{}, keys: &kept{}, log: &bytes.Buffer{}}
	b.server = newServer(Config{Service: a, Webhooks: a, Auth: b.tokens, Idempotency: b.keys, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	call := func(want int, token, line, body string, headers ...string) (map[string]any, http.Header) {
		t.Helper()
		w := b.do(request(line, body, append(headers, "Authorization: Bearer "+token)...))
		if w.Code != want {
			t.Fatalf("%s: %d %s", line, w.Code, w.Body)
		}
		var out map[string]any
		_ = json.Unmarshal(w.Body.Bytes(), &out)
		return out, w.Header()
	}
	const good = `{"url":"https://hooks.example/","events":["domain.*"]}`
	call(403, "write", "POST /v1/webhooks", good)
	call(403, "read", "GET /v1/webhooks", "")
	for _, bad := range []string{`{}`, `{"url":"http://x/"}`, `{"url":"https://x/","events":["nope"]}`, `{"url":"https://x/","event":["*"]}`} {
		call(422, "all", "POST /v1/webhooks", bad)
	}
	call(422, "all", "POST /v1/webhooks", good, "Idempotency-Key: k")
	made, h := call(201, "all", "POST /v1/webhooks", good)
	id := made["id"].(string)
	if made["secret"] != (anyTarget{}).NewSecret() || h.Get("Location") != "/v1/webhooks/"+id {
		t.Errorf("%v %v", made, h)
	}
	at := "/v1/webhooks/" + id
	got, h := call(200, "all", "GET "+at, "")
	if _, shown := got["secret"]; shown || h.Get("Etag") == "" {
		t.Errorf("%v %v", got, h)
	}
	tag := h.Get("Etag")
	call(304, "all", "GET "+at, "", "If-None-Match: "+tag)
	off, h := call(200, "all", "PATCH "+at, `{"enabled":false}`, "If-Match: "+tag)
	if off["enabled"] != false || off["disabled_reason"] != "owner" || h.Get("Etag") == tag {
		t.Errorf("%v", off)
	}
	call(412, "all", "PATCH "+at, `{"enabled":true}`, "If-Match: "+tag)
	call(409, "all", "POST "+at+"/replay", `{"since":"`+made["created_at"].(string)+`"}`)
	call(200, "all", "PATCH "+at, `{"enabled":true,"events":[]}`)
	if rotated, _ := call(200, "all", "POST "+at+"/rotate", ""); rotated["old_secret_until"] == nil || rotated["secret"] == nil {
		t.Errorf("%v", rotated)
	}
	if n, _ := call(202, "all", "POST "+at+"/replay", `{"since":"`+made["created_at"].(string)+`"}`); n["events"] != 0.0 {
		t.Errorf("%v", n)
	}
	if log, _ := call(200, "all", "GET "+at+"/deliveries?limit=5&state=failed", ""); len(log["items"].([]any)) != 0 {
		t.Errorf("%v", log)
	}
	call(400, "all", "GET "+at+"/deliveries?state=lost", "")
	for _, line := range []string{"GET /v1/deliveries/dlv_06c4b1q2v8h3k5n7p9r1s3t5u0", "POST /v1/deliveries/x/replay", "GET /v1/webhooks/x", "DELETE /v1/webhooks/whk_06c4b1q2v8h3k5n7p9r1s3t5u0"} {
		call(404, "all", line, "")
	}
	call(412, "all", "DELETE "+at, "", "If-Match: "+tag)
	call(204, "all", "DELETE "+at, "")
	call(404, "all", "GET "+at, "")
}
