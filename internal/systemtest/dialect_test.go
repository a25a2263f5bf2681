package systemtest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// webmaster is a client of the Yandex.Webmaster dialect.
type webmaster struct {
	base  string // of a server
	token string
	user  string // path of the account
}

func newWebmaster(t *testing.T, base, token string) *webmaster {
	t.Helper()
	w := &webmaster{base: base, token: token}
	var user struct {
		ID int64 `json:"user_id"`
	}
	if err := w.call("GET", "/v4/user", "", 200, &user); err != nil {
		t.Fatal(err)
	}
	w.user = fmt.Sprintf("/v4/user/%d", user.ID)
	return w
}

// at is the same account on another server.
func (w webmaster) at(s *server) *webmaster {
	w.base = s.url()
	return &w
}

func (w *webmaster) call(method, path, body string, want int, out any) error {
	req, err := http.NewRequest(method, w.base+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "OAuth "+w.token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := plain.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != want {
		return fmt.Errorf("%s %s: %d, want %d: %s", method, path, resp.StatusCode, want, text)
	}
	return json.Unmarshal(text, out)
}

// verification is the state of a site as the dialect tells it.
type verification struct {
	UIN      string `json:"verification_uin"`
	State    string `json:"verification_state"`
	Type     string `json:"verification_type"`
	FailInfo *struct{ Reason, Message string }
}

func (v *verification) UnmarshalJSON(b []byte) error {
	type plainly verification
	raw := struct {
		*plainly
		FailInfo *struct{ Reason, Message string } `json:"fail_info"`
	}{plainly: (*plainly)(v)}
	err := json.Unmarshal(b, &raw)
	v.FailInfo = raw.FailInfo
	return err
}

func (v verification) reason() string {
	if v.FailInfo == nil {
		return ""
	}
	return v.FailInfo.Reason
}

func (v verification) String() string {
	s := v.State + " by " + v.Type
	if v.FailInfo != nil {
		s += ", " + v.FailInfo.Reason + ": " + v.FailInfo.Message
	}
	return s
}

func (w *webmaster) add(url string) (hostID string, err error) {
	var host struct {
		ID string `json:"host_id"`
	}
	err = w.call("POST", w.user+"/hosts", fmt.Sprintf(`{"host_url":%q}`, url), 201, &host)
	return host.ID, err
}

func (w *webmaster) verification(hostID string) (v verification, err error) {
	err = w.call("GET", w.user+"/hosts/"+hostID+"/verification", "", 200, &v)
	return v, err
}

// verify asks for a check.
func (w *webmaster) verify(hostID, kind string) error {
	var v verification
	err := w.call("POST", w.user+"/hosts/"+hostID+"/verification?verification_type="+kind, "", 200, &v)
	if err == nil && v.State != "IN_PROGRESS" {
		err = fmt.Errorf("asking for a check of %s: %s", hostID, v)
	}
	return err
}

// verified reads from the list of all sites which ones are.
func (w *webmaster) verified() (map[string]bool, error) {
	var list struct {
		Hosts []struct {
			ID       string `json:"host_id"`
			Verified bool
		}
	}
	if err := w.call("GET", w.user+"/hosts", "", 200, &list); err != nil {
		return nil, err
	}
	out := map[string]bool{}
	for _, h := range list.Hosts {
		out[h.ID] = h.Verified
	}
	return out, nil
}

// each calls fn for all items, some at a time, and fails the test after the
// first errors.
func each[T any](t *testing.T, items []T, fn func(T) error) {
	t.Helper()
	var wg sync.WaitGroup
	queue := make(chan T)
	for range 8 {
		wg.Go(func() {
			for item := range queue {
				if err := fn(item); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for _, item := range items {
		queue <- item
	}
	close(queue)
	wg.Wait()
	if t.Failed() {
		t.FailNow()
	}
}
