package testnet

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// ProviderFault is how the API of a DNS provider misbehaves.
type ProviderFault int

// The faults of a provider's API.
const (
	ProviderFaultNone        ProviderFault = iota
	ProviderFaultThrottled                 // too many requests, in the provider's own words
	ProviderFaultUnavailable               // 503 with a page of a load balancer
	ProviderFaultInternal                  // 500 in the provider's own format
	ProviderFaultHTML                      // 200 with a web page
	ProviderFaultGarbage                   // 200 with bytes that are not of the format
	ProviderFaultCut                       // 200 with half an answer
	ProviderFaultHuge                      // 200 with an answer of 10 MB
	ProviderFaultSilent                    // takes the request and never answers
	ProviderFaultRedirect                  // 302 to an address inside
	ProviderFaultEndless                   // a list that never ends
	ProviderFaultEcho                      // an error text that repeats the credentials
)

// providerAPI is what the servers of all providers share.
type providerAPI struct {
	mu    sync.Mutex
	fault ProviderFault
	times int // requests that the fault is still for; 0: all
	calls []string
}

// setFault makes the next times requests fail; 0 times means all of them.
func (p *providerAPI) setFault(f ProviderFault, times int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault, p.times = f, times
}

// begin counts a request and says how it has to fail.
func (p *providerAPI) begin(call string) ProviderFault {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls = append(p.calls, call)
	f := p.fault
	if f != ProviderFaultNone && p.times > 0 {
		if p.times--; p.times == 0 {
			p.fault = ProviderFaultNone
		}
	}
	return f
}

// Calls are the operations that were asked for so far, in order.
func (p *providerAPI) Calls() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.calls)
}

// misbehave answers a request in ways that are the same for all providers. It
// is false for the faults that need the provider's own format.
func misbehave(w http.ResponseWriter, r *http.Request, f ProviderFault, contentType string) bool {
	switch f {
	case ProviderFaultUnavailable:
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte("<html><h1>503 Service Temporarily Unavailable</h1></html>"))
	case ProviderFaultHTML:
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<!doctype html><html><body>Please sign in to this network.</body></html>"))
	case ProviderFaultGarbage:
		w.Header().Set("Content-Type", contentType)
		_, _ = w.Write([]byte("\x00\xff<{[\x01"))
	case ProviderFaultHuge:
		w.Header().Set("Content-Type", contentType)
		piece := []byte(strings.Repeat(" ", 1<<16))
		for range 10 << 20 / len(piece) {
			if _, err := w.Write(piece); err != nil {
				break
			}
		}
	case ProviderFaultSilent:
		select {
		case <-r.Context().Done():
		case <-time.After(time.Minute):
		}
	case ProviderFaultRedirect:
		w.Header().Set("Location", "http://169.254.169.254/latest/meta-data/")
		w.WriteHeader(http.StatusFound)
	default:
		return false
	}
	return true
}
