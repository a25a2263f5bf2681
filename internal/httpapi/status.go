package httpapi

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"sync"
	"time"

	"github.com/zonehold/zonehold"
)

// readLimit bounds a read that several requests share, so none of their
// contexts ends it.
const readLimit = 10 * time.Second

// fastDomain answers GET of a domain, which is what clients poll, without
// huma's reflection. Requests for the same domain share reads of the database:
// one read serves all that came before it began, so a reply is never older
// than its request. If the version can be asked for alone and is that of the
// last page, the page is sent again. Anything unusual goes the ordinary way.
func (s *server) fastDomain(w http.ResponseWriter, r *http.Request, actor zonehold.Actor) bool {
	if r.URL.RawQuery != "" || r.URL.RawPath != "" {
		return false
	}
	ref := r.PathValue("ref")
	if ref == "" || len(ref) > maxReference {
		return false
	}
	key := pageKey{actor.Account.ID, ref}
	p, ok := s.stillPage(key)
	if !ok {
		var err error
		if p, err = s.reads.do(key, func() (page, error) { return s.readPage(r.Context(), actor, ref) }); err != nil {
			s.fail(w, r, err)
			return true
		}
	}
	h := w.Header()
	h["Cache-Control"] = noCache
	h["Etag"] = p.tagHeader
	if noneMatch(r.Header["If-None-Match"], p.tag) {
		w.WriteHeader(http.StatusNotModified)
		return true
	}
	writeBytes(w, "application/json", http.StatusOK, p.body)
	return true
}

// stillPage is the page kept for the key, if nothing was written since.
func (s *server) stillPage(key pageKey) (page, bool) {
	if s.Stamp == nil {
		return page{}, false
	}
	stamp, ok := s.Stamp()
	if !ok {
		return page{}, false
	}
	p, ok := s.pages.get(key)
	return p, ok && p.stamped && p.stamp == stamp
}

func (s *server) readPage(ctx context.Context, actor zonehold.Actor, ref string) (page, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readLimit)
	defer cancel()
	key, began := pageKey{actor.Account.ID, ref}, time.Now()
	// Before the read: what is written meanwhile gives another stamp.
	stamp, stamped := uint64(0), false
	if s.Stamp != nil {
		stamp, stamped = s.Stamp()
	}
	// The version does not count what a domain owes to others, such as covered_by
	// or the methods that apply: this process's writes show in the stamp, those
	// of other processes count after a moment.
	if old, ok := s.pages.get(key); ok && old.versioned && s.DomainVersion != nil && old.stamp == stamp && time.Since(old.read) < elsewhere {
		if v, err := s.DomainVersion(ctx, actor.Account.ID, ref); err == nil && v == old.version {
			return old, nil
		}
	}
	d, err := s.Service.Domain(ctx, actor, ref)
	if err != nil {
		return page{}, err
	}
	body := encode(toDomain(d))
	tag := versionTag(d.Version, body)
	p := page{body: body, tag: tag, tagHeader: []string{tag}, version: d.Version, read: began, stamp: stamp, stamped: stamped}
	// A hostname may come to mean another claim, and a check may be canceled,
	// without a version counting it.
	p.versioned = s.DomainVersion != nil && ref == d.ID && d.Running == nil
	if p.versioned || p.stamped {
		s.pages.put(key, p)
	}
	return p, nil
}

// elsewhere is how long what other processes change in what a domain owes to
// others may stay unseen.
const elsewhere = time.Second

type pageKey struct{ account, ref string }

// page is an encoded domain.
type page struct {
	body      []byte
	tag       string
	tagHeader []string // shared, never changed

	version   int64
	versioned bool      // holds while the version and the stamp do, and for a moment at most
	read      time.Time // when the read began
	stamp     uint64
	stamped   bool // holds while the stamp does
}

const maxPages = 4096 // of some KiB each

// pages keeps the last page of domains by id.
type pages struct {
	mu sync.Mutex
	m  map[pageKey]page
}

func (p *pages) get(key pageKey) (page, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	old, ok := p.m[key]
	return old, ok
}

func (p *pages) put(key pageKey, fresh page) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.m == nil || len(p.m) >= maxPages {
		p.m = map[pageKey]page{}
	}
	p.m[key] = fresh
}

// shared lets requests for the same thing share reads: one runs, and all that
// come while it runs share the next one.
type shared struct {
	mu      sync.Mutex
	current map[pageKey]*round
	next    map[pageKey]*round
}

// round is one read.
type round struct {
	done chan struct{}
	page page
	err  error
}

var errReadFailed = errors.New("the shared read ended without a result")

func (s *shared) do(key pageKey, read func() (page, error)) (page, error) {
	s.mu.Lock()
	if s.current == nil {
		s.current, s.next = map[pageKey]*round{}, map[pageKey]*round{}
	}
	running := s.current[key]
	if running == nil {
		return s.run(key, &round{done: make(chan struct{})}, read)
	}
	if r := s.next[key]; r != nil {
		s.mu.Unlock()
		<-r.done
		return r.page, r.err
	}
	r := &round{done: make(chan struct{})}
	s.next[key] = r
	s.mu.Unlock()
	<-running.done
	runtime.Gosched() // those that are about to join this read come first
	s.mu.Lock()
	delete(s.next, key)
	return s.run(key, r, read)
}

// run is called with the lock and gives it back.
func (s *shared) run(key pageKey, r *round, read func() (page, error)) (page, error) {
	s.current[key] = r
	s.mu.Unlock()
	r.err = errReadFailed // unless read returns, e.g. for a panic
	defer func() {
		s.mu.Lock()
		if s.current[key] == r {
			delete(s.current, key)
		}
		s.mu.Unlock()
		close(r.done)
	}()
	r.page, r.err = read()
	return r.page, r.err
}
