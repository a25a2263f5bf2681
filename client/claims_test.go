package client

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/zonehold/zonehold/api"
)

func TestClaimCalls(t *testing.T) {
	ctx := t.Context()
	for _, tt := range []struct {
		call func(c *Client) error
		want string
	}{
		{func(c *Client) error { _, err := c.Contest(ctx, "a/b"); return err }, "GET /v1/domains/a%2Fb/contest "},
		{func(c *Client) error { _, err := c.WithdrawContest(ctx, "a.example"); return err }, "DELETE /v1/domains/a.example/contest "},
		{func(c *Client) error { _, err := c.OfferDomain(ctx, "a.example", "bert"); return err }, `POST /v1/domains/a.example/transfer {"account":"bert"}`},
		{func(c *Client) error {
			_, err := c.Transfers(ctx, TransferQuery{All: true, Limit: 3, Cursor: "x"})
			return err
		}, "GET /v1/transfers?all=true&cursor=x&limit=3 "},
		{func(c *Client) error { _, err := c.CancelTransfer(ctx, "trf_1"); return err }, "DELETE /v1/transfers/trf_1 "},
		{func(c *Client) error { _, err := c.Registration(ctx, "a.example"); return err }, "GET /v1/domains/a.example/registration "},
	} {
		got := ""
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			got = r.Method + " " + r.URL.RequestURI() + " " + string(body)
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte("{}"))
		}))
		c, err := New(srv.URL, "zhp_x")
		if err != nil {
			t.Fatal(err)
		}
		if err := tt.call(c); err != nil || got != tt.want {
			t.Errorf("%q, %v; want %q", got, err, tt.want)
		}
		srv.Close()
	}
}

func TestAllTransfers(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		page, next := api.Page[api.Transfer]{Items: []api.Transfer{{ID: "trf_2"}}}, "more"
		if r.URL.Query().Get("cursor") == "" {
			page = api.Page[api.Transfer]{Items: []api.Transfer{{ID: "trf_1"}}, NextCursor: &next}
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(page)
	}))
	defer srv.Close()
	c, err := New(srv.URL, "zhp_x")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, err := range c.AllTransfers(t.Context(), TransferQuery{}) {
		if n++; err != nil {
			t.Fatal(err)
		}
	}
	if n != 2 {
		t.Errorf("%d offers", n)
	}
}
