package httpapi

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/app"
)

// largeBundles makes bundles of a megabyte.
type largeBundles struct{ bundles }

func (b *largeBundles) DomainEvidence(context.Context, zonehold.Actor, string, app.EvidenceQuery) ([]byte, error) {
	return bytes.Repeat([]byte(" "), 1<<20), b.err
}

// stuck is a reader that takes nothing until it is let go.
type stuck struct {
	*httptest.ResponseRecorder
	begun chan<- struct{}
	free  <-chan struct{}
}

func (s stuck) Write(p []byte) (int, error) {
	s.begun <- struct{}{}
	<-s.free
	return len(p), nil
}

// Readers that take nothing do not fill the memory with bundles.
func TestBundlesAtATime(t *testing.T) {
	b := newBench()
	fake := &largeBundles{}
	cfg := b.server.Config
	cfg.Bundles = fake
	b.server = newServer(cfg)
	begun, free := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	for range bundlesOfAccount {
		wg.Go(func() {
			b.server.serve(stuck{httptest.NewRecorder(), begun, free}, request("GET /v1/domains/example.com/evidence", "", read))
		})
		<-begun
	}
	w := b.do(request("GET /v1/domains/example.com/evidence", "", read))
	if w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") == "" {
		t.Errorf("one more: %d %.100s", w.Code, w.Body)
	}
	close(free)
	wg.Wait()
	// Neither what is over nor what fails keeps a place.
	fake.err = &app.Error{Kind: app.KindNotFound, Message: "There is none."}
	for range 2 * bundlesOfAccount {
		if w := b.do(request("GET /v1/domains/example.com/evidence", "", read)); w.Code != http.StatusNotFound {
			t.Errorf("%d %.100s", w.Code, w.Body)
		}
	}
	fake.err = nil
	for range 2 * bundlesOfAccount {
		if w := b.do(request("GET /v1/domains/example.com/evidence", "", read)); w.Code != http.StatusOK || w.Body.Len() != 1<<20 {
			t.Errorf("%d, %d bytes", w.Code, w.Body.Len())
		}
	}
	if b.server.bundles.all != 0 || len(b.server.bundles.by) != 0 {
		t.Errorf("%+v", &b.server.bundles)
	}
}
