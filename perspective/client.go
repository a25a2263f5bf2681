package perspective

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/probe"
	"github.com/zonehold/zonehold/problem"
)

// Remote is a perspective to ask.
type Remote struct {
	Name    string      // as it calls itself
	Region  string      // one of Regions
	Network string      // what the operator calls its network, shown to people
	URL     string      // https://host:port
	TLS     *tls.Config // from ClientTLS
}

// Fault says why an asking gave no answer that counts.
type Fault string

const (
	FaultUnreachable Fault = "unreachable" // no connection, or no secure one
	FaultTimeout     Fault = "timeout"
	FaultRefused     Fault = "refused" // it answered with an error
	FaultBusy        Fault = "busy"    // it, or our way to it, is full
	FaultMalformed   Fault = "malformed"
	FaultOther       Fault = "other_answer" // to another question, or of somebody else
	FaultUnproved    Fault = "not_the_token"
	FaultDown        Fault = "down" // not asked: it has failed too often of late
)

// Result is what came of asking one perspective.
type Result struct {
	Name, Region, Network string
	Answer                *Answer // nil: none that counts
	Fault                 Fault   // why there is none
	Detail                string  // about that, for people; clean
	AskedAt               time.Time
	Took                  time.Duration

	hurried bool // it had too little time for a time-out to be its own fault
}

// client asks one perspective.
type client struct {
	remote Remote
	base   string
	http   *http.Client
	slots  chan struct{}
	ample  time.Duration
}

// askings is how many checks one perspective is asked for at a time.
const askings = 32

// connectTimeout bounds a connect, with its look-up.
const connectTimeout = 5 * time.Second

// ample is the time within which any perspective that is well answers. Who
// runs the name servers of a domain can use up nearly all the time that a check
// has; what is left then says nothing about perspectives.
const ample = 10 * time.Second

func newClient(r Remote) (*client, error) {
	if !ValidName(r.Name) {
		return nil, errors.New("name wants up to 63 letters, digits, _ and -")
	}
	if _, err := ParseRegion(r.Region); err != nil {
		return nil, fmt.Errorf("region %w", err)
	}
	u, endpoint, err := parseURL(r.URL)
	if err != nil {
		return nil, fmt.Errorf("url %w", err)
	}
	if r.TLS == nil || len(r.TLS.Certificates) == 0 || r.TLS.RootCAs == nil || r.TLS.InsecureSkipVerify || r.TLS.MinVersion < tlsVersion {
		return nil, errors.New("needs a TLS configuration of ClientTLS")
	}
	configured := probe.NewConfigured(endpoint)
	configured.Timeout = connectTimeout
	return &client{
		remote: r, base: u, slots: make(chan struct{}, askings), ample: ample,
		http: &http.Client{
			Transport: &http.Transport{
				Proxy: nil, DialContext: configured.DialContext, TLSClientConfig: r.TLS.Clone(), ForceAttemptHTTP2: true,
				TLSHandshakeTimeout: connectTimeout, DisableCompression: true, MaxResponseHeaderBytes: maxHeader,
				MaxIdleConnsPerHost: askings, IdleConnTimeout: time.Minute,
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// parseURL takes https://host[:port] and nothing else.
func parseURL(s string) (base, endpoint string, err error) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" ||
		strings.Trim(u.Path, "/") != "" {
		return "", "", errors.New("wants the form https://host:port")
	}
	port := u.Port()
	if port == "" {
		port = "443"
	}
	return "https://" + u.Host, net.JoinHostPort(u.Hostname(), port), nil
}

func newNonce() string {
	var b [16]byte
	rand.Read(b[:]) // never fails (crypto/rand)
	return hex.EncodeToString(b[:])
}

// ask sends the question under a nonce of its own and takes only an answer to
// that.
func (c *client) ask(ctx context.Context, q Request, ch zonehold.Challenge) (r Result) {
	r = Result{Name: c.remote.Name, Region: c.remote.Region, Network: c.remote.Network, AskedAt: time.Now()}
	defer func() { r.Took = time.Since(r.AskedAt) }()
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return r.fault(FaultBusy, "too many checks wait for it")
	}
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = time.Now().Add(defaultLimit)
	}
	q.Nonce = newNonce()
	// The answer needs its way back, too.
	left := time.Until(deadline)
	q.TimeMS, r.hurried = max((left*9/10).Milliseconds(), 1), left < c.ample
	body, err := json.Marshal(q)
	if err != nil {
		return r.fault(FaultMalformed, err.Error())
	}
	text, fault, detail := c.exchange(ctx, http.MethodPost, CheckPath, body)
	if fault != "" {
		return r.fault(fault, detail)
	}
	a, err := decodeAnswer(text)
	if err != nil {
		return r.fault(FaultMalformed, err.Error())
	}
	if why := a.fits(c.remote.Name, &q); why != "" {
		return r.fault(FaultOther, why)
	}
	if a.Passed && !ShowsProof(ch, q.Profile, a.Observed) {
		return r.fault(FaultUnproved, "it says that the proof is there, and does not show it")
	}
	r.Answer = a
	return r
}

func (r Result) fault(f Fault, detail string) Result {
	r.Fault, r.Detail = f, problem.Clean(detail, maxDetail)
	return r
}

// health asks how the perspective is.
func (c *client) health(ctx context.Context) (*Health, Fault, string) {
	text, fault, detail := c.exchange(ctx, http.MethodGet, HealthPath, nil)
	if fault != "" {
		return nil, fault, detail
	}
	var h Health
	if err := json.Unmarshal(text, &h); err != nil || h.Version != Version {
		return nil, FaultMalformed, fmt.Sprintf("what it answers is not version %d of the protocol", Version)
	}
	if h.Perspective != c.remote.Name {
		return nil, FaultOther, "it calls itself " + problem.Clean(h.Perspective, maxName) + "; it is configured as " + c.remote.Name
	}
	h.Software = problem.Clean(h.Software, 60)
	return &h, "", ""
}

// exchange makes one request and reads the whole reply.
func (c *client) exchange(ctx context.Context, method, path string, body []byte) (text []byte, fault Fault, detail string) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, FaultUnreachable, err.Error()
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
		// Not sent; it lets the transport ask again when a kept connection turns
		// out to be closed, which does no harm here.
		req.Header["Idempotency-Key"] = nil
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, faultOf(ctx, err), problem.Clean(plain(err), maxDetail)
	}
	defer resp.Body.Close()
	text, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	switch {
	case err == nil && ctx.Err() != nil:
		return nil, FaultTimeout, "no answer in time" // what came is cut short
	case err != nil:
		return nil, faultOf(ctx, err), "the answer broke off: " + problem.Clean(plain(err), maxDetail)
	case len(text) > maxAnswer:
		return nil, FaultMalformed, fmt.Sprintf("the answer is longer than %d bytes", maxAnswer)
	case resp.StatusCode == http.StatusOK && kind == "application/json":
		return text, "", ""
	case resp.StatusCode == http.StatusOK:
		return nil, FaultMalformed, "the answer is not JSON"
	}
	fault, detail = FaultRefused, fmt.Sprintf("it answers with status %d", resp.StatusCode)
	var refusal Refusal
	if json.Unmarshal(text, &refusal) == nil && refusal.Error.Code != "" {
		detail += ": " + problem.Clean(refusal.Error.Message, 200)
		if resp.StatusCode == http.StatusServiceUnavailable && refusal.Error.Code == "busy" {
			fault = FaultBusy
		}
	}
	return nil, fault, detail
}

func faultOf(ctx context.Context, err error) Fault {
	var ne net.Error
	if ctx.Err() != nil || errors.As(err, &ne) && ne.Timeout() {
		return FaultTimeout
	}
	return FaultUnreachable
}

// plain leaves the URL out of an error.
func plain(err error) string {
	var ue *url.Error
	if errors.As(err, &ue) {
		err = ue.Err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "no answer in time"
	}
	return err.Error()
}
