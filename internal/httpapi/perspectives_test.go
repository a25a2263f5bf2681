package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/api"
	"github.com/zonehold/zonehold/internal/app"
	"github.com/zonehold/zonehold/perspective"
)

// outposts are an app.Perspectives for the shapes of HTTP.
type outposts struct{ asked int }

var _ app.Perspectives = (*outposts)(nil)

var askedAt = time.Date(2026, 11, 22, 2, 3, 4, 0, time.UTC)

func (o *outposts) Perspectives(context.Context, zonehold.Actor) (*app.PerspectiveList, error) {
	return &app.PerspectiveList{
		Policy: perspective.Policy{Mode: perspective.ModeBR}, Rule: perspective.Rule{Minimum: 4, Allowed: 1, Regions: 2},
		Items: []perspective.Status{
			{Name: "ams", Region: "RIPE", Network: "Transit B", URL: "https://ams.example.net:8443", State: "up", Since: askedAt, LastAnswer: askedAt, Took: 12 * time.Millisecond, Software: "1.2.3"},
			{Name: "nyc", Region: "ARIN", URL: "https://nyc.example.net", State: "down", Since: askedAt, NextTry: askedAt.Add(time.Minute), Detail: "connection refused"},
			{Name: "sin", Region: "APNIC", URL: "https://sin.example.net", State: "unknown"},
		},
	}, nil
}

func (o *outposts) CheckPerspectives(context.Context, zonehold.Actor) (*app.PerspectiveList, error) {
	o.asked++
	return &app.PerspectiveList{Policy: perspective.Policy{Mode: perspective.ModeOff}}, nil
}

func (o *outposts) SetPerspectivePolicy(context.Context, zonehold.Actor, string, string) (*app.PerspectivePolicy, error) {
	panic("not a call of HTTP")
}

func TestPerspectives(t *testing.T) {
	b, o := newBench(), &outposts{}
	b.server = newServer(Config{Service: b.svc, Auth: b.tokens, Perspectives: o, Version: "v1.2.3"})
	w := b.do(request("GET /v1/perspectives", "", operator))
	if w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	var got api.Perspectives
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	ms, network, software, detail, next := int64(12), "Transit B", "1.2.3", "connection refused", askedAt.Add(time.Minute)
	want := api.Perspectives{Policy: "br", Demand: &api.Quorum{Minimum: 4, AllowedFailures: 1, Regions: 2}, Items: []api.Perspective{
		{Name: "ams", Region: "RIPE", Network: &network, URL: "https://ams.example.net:8443", State: "up", Since: &askedAt, LastAnswerAt: &askedAt, TookMS: &ms, Software: &software},
		{Name: "nyc", Region: "ARIN", URL: "https://nyc.example.net", State: "down", Since: &askedAt, NextTryAt: &next, Detail: &detail},
		{Name: "sin", Region: "APNIC", URL: "https://sin.example.net", State: "unknown"},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	w = b.do(request("POST /v1/perspectives/check", "", operator))
	if w.Code != http.StatusOK || o.asked != 1 || !strings.Contains(w.Body.String(), `"demand":null`) || !strings.Contains(w.Body.String(), `"items":[]`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	for _, line := range []string{"GET /v1/perspectives", "POST /v1/perspectives/check"} {
		if w := b.do(request(line, "", all)); w.Code != http.StatusForbidden {
			t.Errorf("%s by an admin of an account: %d", line, w.Code)
		}
		if w := b.do(request(line, "")); w.Code != http.StatusUnauthorized {
			t.Errorf("%s by nobody: %d", line, w.Code)
		}
	}
	if o.asked != 1 {
		t.Error("who may not ask is asked for")
	}
}

var perspectiveCases = []wireCase{
	{"perspective_list", "GET /v1/perspectives", "", []string{operator}, nil},
	{"perspective_list_admin", "GET /v1/perspectives", "", []string{all}, nil},
	{"perspective_check", "POST /v1/perspectives/check", "", []string{operator}, nil},
}
