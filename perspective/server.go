package perspective

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"runtime/debug"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/net/netutil"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/problem"
	"github.com/zonehold/zonehold/verify"
)

// Limits of the listener.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 10 * time.Second
	writeSlack        = 10 * time.Second // beside the check itself
	idleTimeout       = 2 * time.Minute
	maxHeader         = 8 << 10
	defaultChecks     = 64
	defaultLimit      = 30 * time.Second
	connsPerCheck     = 4 // connections that may be open, for each check that may run
)

// ServerConfig is what a perspective needs. Name and Kit are required.
type ServerConfig struct {
	Name     string // as those who ask have it in their configuration
	Software string // version of the program
	// Kit makes what one check works with. It is called for each check, so that
	// nothing learnt in one can be used in another.
	Kit    func() (*verify.Kit, error)
	Checks int           // that run at a time; 0: 64
	Limit  time.Duration // of one check; 0: 30 s
	Log    *slog.Logger  // nil: none
}

// Server answers requests for checks. It keeps no state.
type Server struct {
	cfg     ServerConfig
	slots   chan struct{}
	running atomic.Int64
	mux     *http.ServeMux
}

var _ http.Handler = (*Server)(nil)

// NewServer prepares a perspective.
func NewServer(cfg ServerConfig) (*Server, error) {
	switch {
	case !ValidName(cfg.Name):
		return nil, errors.New("the name of a perspective is made of up to 63 letters, digits, _ and -")
	case cfg.Kit == nil:
		return nil, errors.New("a perspective needs a kit")
	}
	if cfg.Checks <= 0 {
		cfg.Checks = defaultChecks
	}
	if cfg.Limit <= 0 {
		cfg.Limit = defaultLimit
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{cfg: cfg, slots: make(chan struct{}, cfg.Checks), mux: http.NewServeMux()}
	s.mux.HandleFunc(CheckPath, s.check)
	s.mux.HandleFunc(HealthPath, s.health)
	s.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		refuse(w, http.StatusNotFound, "not_found", "there is nothing at this path; the protocol is POST "+CheckPath+" and GET "+HealthPath)
	})
	return s, nil
}

// HTTP is a server for the perspective, with its limits. Its Handler is s; the
// caller serves it on a listener of Listener.
func (s *Server) HTTP() *http.Server {
	return &http.Server{
		Handler: s, ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout, WriteTimeout: s.cfg.Limit + writeSlack,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader,
		ErrorLog: slog.NewLogLogger(s.cfg.Log.Handler(), slog.LevelDebug),
	}
}

// Listener bounds how many connections ln has open.
func (s *Server) Listener(ln net.Listener) net.Listener {
	return netutil.LimitListener(ln, s.cfg.Checks*connsPerCheck)
}

// ServeHTTP answers the protocol. It trusts the TLS configuration to admit
// only those who may ask.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer func() {
		if p := recover(); p != nil {
			s.cfg.Log.Error("a check panicked", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			refuse(w, http.StatusInternalServerError, "internal", "the check broke off with a fault in the program")
		}
	}()
	w.Header().Set("Cache-Control", "no-store")
	s.mux.ServeHTTP(w, r)
}

// Health is how the perspective is.
func (s *Server) Health() Health {
	return Health{Version: Version, Perspective: s.cfg.Name, Software: s.cfg.Software, Running: int(s.running.Load())}
}

func (s *Server) health(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		refuse(w, http.StatusMethodNotAllowed, "method_not_allowed", "this path takes GET")
		return
	}
	reply(w, http.StatusOK, s.Health())
}

func (s *Server) check(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", "POST")
		refuse(w, http.StatusMethodNotAllowed, "method_not_allowed", "this path takes POST")
		return
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		refuse(w, http.StatusUnsupportedMediaType, "not_json", "send the request as application/json")
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		refuse(w, http.StatusRequestEntityTooLarge, "too_large", fmt.Sprintf("a request has at most %d bytes", maxRequest))
		return
	case err != nil:
		refuse(w, http.StatusBadRequest, "malformed", "the body did not come whole")
		return
	}
	req, err := decodeRequest(body)
	if err != nil {
		refuse(w, http.StatusBadRequest, "malformed", problem.Clean(err.Error(), maxDetail))
		return
	}
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	default:
		w.Header().Set("Retry-After", "1")
		refuse(w, http.StatusServiceUnavailable, "busy", fmt.Sprintf("%d checks run already", s.cfg.Checks))
		return
	}
	s.running.Add(1)
	defer s.running.Add(-1)
	a, err := s.run(r.Context(), req)
	if err != nil {
		s.cfg.Log.Error("a check could not begin", "err", err)
		refuse(w, http.StatusInternalServerError, "internal", "the check could not begin; the log of this perspective says why")
		return
	}
	s.cfg.Log.Debug("checked", "id", a.ID, "method", string(a.Method), "hostname", string(a.Hostname), "outcome", string(a.Outcome),
		"took", a.FinishedAt.Sub(a.StartedAt))
	reply(w, http.StatusOK, a)
}

// run makes the check. It leaves the explanation of a failure to who asks: the
// verdict and its plain reason are what counts from here, and the servers of
// the domain are asked no more than that takes.
func (s *Server) run(ctx context.Context, req *Request) (*Answer, error) {
	kit, err := s.cfg.Kit()
	if err != nil {
		return nil, fmt.Errorf("preparing the probes: %w", err)
	}
	own := *kit
	own.CNAMEZone, own.Nameservers, own.NoCachedView = req.CNAMEZone, req.Nameservers, true
	m, ok := verify.Lookup(req.Method)
	if !ok {
		return nil, fmt.Errorf("no method %s", req.Method)
	}
	a := &Answer{
		Version: Version, ID: req.ID, Nonce: req.Nonce, Perspective: s.cfg.Name, Method: req.Method, Hostname: req.Hostname,
		Software: s.cfg.Software, StartedAt: time.Now().UTC(),
	}
	ctx, cancel := context.WithTimeout(ctx, min(time.Duration(req.TimeMS)*time.Millisecond, s.cfg.Limit))
	defer cancel()
	claim := req.claim()
	res := m.Check(ctx, &own, claim)
	a.Outcome = res.Outcome
	a.Passed, a.Completed = res.Outcome == zonehold.OutcomeVerified, res.Outcome != zonehold.OutcomeInconclusive
	if res.Problem != nil {
		p := problem.New(res.Problem.Code, res.Problem.Facts)
		a.Code, a.Detail = p.Code, problem.Clean(p.Found, maxDetail)
	}
	if a.Passed {
		a.Code, a.Detail = "", ""
		a.Observed = observed(context.WithoutCancel(ctx), req, m.Challenge(&own, claim), &res.Evidence)
	}
	a.Addresses, a.Evidence = answering(&res.Evidence), evidenceOf(&res.Evidence)
	a.FinishedAt = time.Now().UTC()
	return a, nil
}

func reply(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		panic("perspective: " + err.Error()) // our own types
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

func refuse(w http.ResponseWriter, status int, code, message string) {
	var r Refusal
	r.Error.Code, r.Error.Message = code, message
	reply(w, status, r)
}
