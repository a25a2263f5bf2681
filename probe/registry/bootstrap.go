package registry

import (
	"context"
	_ "embed" // the built-in copy
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/probe"
)

// builtin names the RDAP servers of common top-level domains, for where the
// list of IANA cannot be fetched. What it leads to is stale by definition.
//
//go:embed bootstrap.json
var builtin []byte

// retryAfter spaces out attempts to fetch the bootstrap when they fail.
const retryAfter = 5 * time.Minute

// maxURLs are tried of one service.
const maxURLs = 2

// bootstrap knows which RDAP servers serve a domain (RFC 9224).
type bootstrap struct {
	url  *url.URL // nil: a file
	file string
	gate chan struct{} // one refresh at a time

	mu      sync.Mutex
	list    *serviceList
	fetched time.Time // when list came; zero for the built-in copy
	tried   time.Time // last attempt
}

// serviceList is a bootstrap file, read.
type serviceList struct {
	date     time.Time
	services map[string][]*url.URL // by domain suffix, without dots around
}

// service is where to ask for one domain.
type service struct {
	urls  []*url.URL
	stale bool
	date  time.Time
}

func newBootstrap(where string) (*bootstrap, error) {
	b := &bootstrap{gate: make(chan struct{}, 1)}
	if scheme, _, ok := strings.Cut(where, "://"); ok {
		u, err := url.Parse(where)
		if err != nil || u.Host == "" || scheme != "https" && scheme != "http" {
			return nil, errors.New("not an http(s) URL")
		}
		list, err := parseBootstrap(builtin)
		if err != nil {
			return nil, fmt.Errorf("reading the built-in copy: %w", err)
		}
		b.url, b.list = u, list
		return b, nil
	}
	b.file = where
	list, err := readBootstrapFile(where)
	if err != nil {
		return nil, err
	}
	b.list = list
	return b, nil
}

func readBootstrapFile(path string) (*serviceList, error) {
	f, err := os.Open(path) // #nosec G304 -- the operator's setting
	if err != nil {
		return nil, fmt.Errorf("opening the bootstrap: %w", err)
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, maxRDAP+1))
	if err != nil {
		return nil, fmt.Errorf("reading the bootstrap: %w", err)
	}
	return parseBootstrap(data)
}

// parseBootstrap reads the format of RFC 9224 section 3. Services without a
// URL that may be asked are left out.
func parseBootstrap(data []byte) (*serviceList, error) {
	if len(data) > maxRDAP {
		return nil, fmt.Errorf("longer than %d KiB", maxRDAP>>10)
	}
	if err := checkJSON(data); err != nil {
		return nil, err
	}
	var doc struct {
		Publication string       `json:"publication"`
		Services    [][][]string `json:"services"`
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, fmt.Errorf("not a bootstrap of RFC 9224: %w", err)
	}
	if doc.Services == nil {
		return nil, errors.New("not a bootstrap of RFC 9224: no services")
	}
	list := &serviceList{date: parseTime(doc.Publication), services: map[string][]*url.URL{}}
	for _, s := range doc.Services {
		if len(s) < 2 {
			continue
		}
		var urls []*url.URL
		for _, raw := range s[1] {
			if u := baseURL(raw); u != nil && len(urls) < maxURLs {
				urls = append(urls, u)
			}
		}
		if len(urls) == 0 {
			continue
		}
		for _, suffix := range s[0] {
			suffix = strings.ToLower(strings.Trim(suffix, "."))
			if _, taken := list.services[suffix]; !taken && suffix != "" {
				list.services[suffix] = urls
			}
		}
	}
	return list, nil
}

// baseURL checks the URL of a service: https to a host, or http to a loopback
// address, which the guard has to allow. Nil: not usable.
func baseURL(raw string) *url.URL {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || len(raw) > 500 {
		return nil
	}
	addr, err := netip.ParseAddr(u.Hostname())
	loopback := err == nil && addr.Unmap().IsLoopback()
	if err != nil {
		host, err := zonehold.ParseHostname(u.Hostname())
		if err != nil || host.IsPublicSuffix() {
			return nil
		}
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !loopback) {
		return nil
	}
	return u
}

// ensure brings the list up to date, and reports whether what is at hand is
// stale. A list that came from elsewhere is kept when the next one does not
// come or cannot be read.
func (b *bootstrap) ensure(ctx context.Context, c *Client) (stale bool) {
	if b.url == nil {
		b.reread(ctx)
		return false
	}
	if !b.due(c.now()) {
		return b.isStale(c.now())
	}
	select {
	case b.gate <- struct{}{}:
		defer func() { <-b.gate }()
	case <-ctx.Done():
		return b.isStale(c.now())
	}
	if b.due(c.now()) { // nobody did it while we waited
		b.refresh(ctx, c)
	}
	return b.isStale(c.now())
}

// reread follows changes of the operator's file.
func (b *bootstrap) reread(ctx context.Context) {
	list, err := readBootstrapFile(b.file)
	if err != nil {
		probe.TraceFrom(ctx).Start("read_bootstrap", "file").End(false, "cannot be read; the earlier one counts on")
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.list = list
}

func (b *bootstrap) due(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	old := b.fetched.IsZero() || now.Sub(b.fetched) > cacheFor || now.Before(b.fetched)
	rested := b.tried.IsZero() || now.Sub(b.tried) > retryAfter || now.Before(b.tried)
	return old && rested
}

func (b *bootstrap) isStale(now time.Time) bool {
	if b.url == nil {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.fetched.IsZero() || now.Sub(b.fetched) > maxCacheAge || now.Before(b.fetched)
}

// refresh fetches the list once.
func (b *bootstrap) refresh(ctx context.Context, c *Client) {
	fetch, cancel := context.WithTimeout(ctx, c.cfg.Timeout/2) // there is a copy, and the question itself needs time
	defer cancel()
	span := probe.TraceFrom(ctx).Start("fetch_bootstrap", b.url.String())
	list, err := b.fetch(fetch, c)
	now := c.now()
	if err != nil {
		span.End(false, "%v", err)
		if errors.Is(ctx.Err(), context.Canceled) {
			return // that says nothing of the server
		}
	} else {
		span.End(true, "%d top-level domains, of %s", len(list.services), list.date.Format(time.DateOnly))
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tried = now
	if err == nil {
		b.list, b.fetched = list, now
	}
}

func (b *bootstrap) fetch(ctx context.Context, c *Client) (*serviceList, error) {
	got, err := c.get(ctx, b.url)
	if err != nil {
		return nil, err
	}
	if got.status != http.StatusOK {
		return nil, rdapError(got.server, ErrUnavailable, nil, "it answers with status %d", got.status)
	}
	return parseBootstrap(got.body)
}

// find is the service of the longest suffix that holds domain (RFC 9224
// section 4).
func (b *bootstrap) find(domain string, now time.Time) (service, error) {
	stale := b.isStale(now)
	b.mu.Lock()
	list := b.list
	b.mu.Unlock()
	for suffix := domain; ; {
		if urls := list.services[suffix]; urls != nil {
			return service{urls: urls, stale: stale, date: list.date}, nil
		}
		_, up, ok := strings.Cut(suffix, ".")
		if !ok {
			break
		}
		suffix = up
	}
	if stale {
		return service{}, rdapError("", ErrUnavailable, nil,
			"the list of RDAP servers could not be fetched, and the copy of %s has none for .%s", list.date.Format(time.DateOnly), topLevel(domain))
	}
	return service{}, rdapError("", ErrNoService, nil, "IANA names no RDAP server for .%s", topLevel(domain))
}
