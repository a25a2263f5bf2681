package systemtest

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	standard "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// receiver takes webhooks. Now and then it does so badly: it fails, keeps the
// sender waiting, or cuts the connection, before it has read the body or after.
// What it failed once it takes the next time, so that no test waits for the
// later tries.
type receiver struct {
	url string

	mu     sync.Mutex
	rand   *rand.Rand
	libs   map[string]*standard.Webhook
	got    map[string]map[string]*receipt // by webhook, by webhook-id
	faults int                            // of its own
	wrong  []string
}

// receipt is one event at one webhook.
type receipt struct {
	body  []byte
	tries int // that came with the whole body
	taken int // of them, answered with 204
}

func newChaosReceiver(t *testing.T, seed uint64) *receiver {
	r := &receiver{rand: rand.New(rand.NewPCG(seed, 2)), libs: map[string]*standard.Webhook{}, got: map[string]map[string]*receipt{}}
	s := httptest.NewServer(r)
	t.Cleanup(s.Close)
	r.url = s.URL
	return r
}

// expect has requests of a webhook checked with its secret. The webhook's URL
// is that of the receiver and /name.
func (r *receiver) expect(name, secret string) error {
	lib, err := standard.NewWebhook(secret)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.libs[name], r.got[name] = lib, map[string]*receipt{}
	return nil
}

func (r *receiver) complain(format string, args ...any) {
	if len(r.wrong) < 20 {
		r.wrong = append(r.wrong, fmt.Sprintf(format, args...))
	}
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return // its sender was killed
	}
	name, id := req.URL.Path[1:], req.Header.Get("webhook-id")
	r.mu.Lock()
	lib := r.libs[name]
	if lib == nil || req.Method != http.MethodPost {
		r.complain("%s %s", req.Method, req.URL.Path)
		r.mu.Unlock()
		return
	}
	if err := lib.Verify(body, req.Header); err != nil {
		r.complain("%s at %s: %v", id, name, err)
	}
	was := r.got[name][id]
	if was == nil {
		was = &receipt{body: body}
		r.got[name][id] = was
	} else if !bytes.Equal(was.body, body) {
		r.complain("%s at %s came with another body: %s, before %s", id, name, body, was.body)
	}
	was.tries++
	mood := r.rand.Float64()
	if was.tries > 1 {
		mood = 1
	}
	if mood < 0.06 {
		r.faults++
	} else {
		was.taken++
	}
	r.mu.Unlock()
	switch {
	case mood < 0.03:
		w.WriteHeader(http.StatusInternalServerError)
	case mood < 0.06: // no answer
		if c, _, err := http.NewResponseController(w).Hijack(); err == nil {
			c.Close()
		}
	case mood < 0.07: // slow
		time.Sleep(time.Duration(mood * 20 * float64(time.Second)))
		fallthrough
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}

// sums are the requests that came, those that brought an event again, and the
// receiver's own faults.
func (r *receiver) sums() (requests, again, faults int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, events := range r.got {
		for _, rec := range events {
			requests += rec.tries
			again += rec.tries - 1
		}
	}
	return requests, again, r.faults
}
