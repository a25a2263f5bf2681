package web

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/zonehold/zonehold/probe"
)

// maxInterim bounds the 1xx answers before the real one.
const maxInterim = 5

// ErrHTTP2 says which KindProtocol it is: HTTP/2 frames over plain TCP, or
// over TLS although HTTP/1.1 was negotiated.
var ErrHTTP2 = errors.New("the server speaks HTTP/2 without being asked")

var (
	errHeaderLimit = errors.New("header over the limit")
	errTLSRecord   = errors.New("the server speaks TLS")
	errInterim     = fmt.Errorf("more than %d interim answers", maxInterim)
)

// hop makes one request and reads its answer into f and hop.
func (c *Client) hop(ctx context.Context, req *Request, u *url.URL, f *Fetch, hop *Hop) *Error {
	first := len(f.Hops) == 1
	f.Status, f.Header = 0, nil
	if first && req.Addr.IsValid() {
		hop.Addrs = []netip.Addr{req.Addr.Unmap()}
	} else if err := c.resolve(ctx, u, hop); err != nil {
		return err
	}
	tcp, err := c.connect(ctx, u, hop)
	if err != nil {
		return err
	}
	defer func() { _ = tcp.Close() }()
	// The one way in which reads and writes end early, at the deadline too.
	stop := context.AfterFunc(ctx, func() { _ = tcp.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	conn := tcp
	if u.Scheme == "https" {
		if conn, err = c.handshake(ctx, tcp, u, hop); err != nil {
			return err
		}
	}

	wire := &meter{r: conn, left: c.cfg.MaxHeader, limit: errHeaderLimit}
	span := probe.TraceFrom(ctx).Start("request", hop.URL)
	resp, xerr := c.roundTrip(conn, wire, req, u, first) //nolint:bodyclose // Close would read it to its end; it holds nothing but tcp
	if xerr != nil {
		err := &Error{Kind: answerKind(xerr, u.Scheme), URL: hop.URL, Addr: hop.Addr, Err: cause(ctx, xerr)}
		span.End(false, "%s", err.Kind)
		return err
	}
	span.End(true, "%d", resp.StatusCode)
	hop.Status, hop.Header = resp.StatusCode, resp.Header
	hop.Location = cut(resp.Header.Get("Location"), maxURL)
	f.Status, f.Header = hop.Status, hop.Header
	if isRedirect(hop.Status) {
		return nil
	}
	wire.left = math.MaxInt64 // the body has limits of its own
	return c.body(ctx, req, resp, u, f, hop)
}

// answerKind names why no answer could be read.
func answerKind(err error, scheme string) ErrorKind {
	switch {
	case errors.Is(err, errHeaderLimit):
		return KindHeaderTooLarge
	case errors.Is(err, errTLSRecord) && scheme == "http":
		return KindHTTPSOnHTTP
	}
	return ioKind(err, KindProtocol)
}

// cause is err, or the caller's wish to stop if that is behind it.
func cause(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return context.Canceled
	}
	return err
}

// roundTrip sends the request on conn and reads the head of the answer.
func (c *Client) roundTrip(conn net.Conn, wire *meter, req *Request, u *url.URL, first bool) (*http.Response, error) {
	r := c.request(req, u, first)
	var head bytes.Buffer
	if err := r.Write(&head); err != nil {
		return nil, fmt.Errorf("writing request: %w", err)
	}
	if _, err := conn.Write(head.Bytes()); err != nil {
		return nil, fmt.Errorf("writing request: %w", err)
	}
	br := bufio.NewReader(wire)
	isHTTP, err := sniff(br)
	if err != nil {
		return nil, err
	}
	resp, err := readAnswer(br, r)
	if err != nil && wire.err != nil && (isHTTP || !errors.Is(wire.err, io.EOF)) {
		// A line that was cut off looks malformed; the cut is the cause.
		err = fmt.Errorf("reading answer: %w", wire.err)
	}
	return resp, err
}

// request is what is asked. Credentials belong to the first hop alone, which
// is the exact scheme, host and port they were given for (threat T13).
func (c *Client) request(req *Request, u *url.URL, first bool) *http.Request {
	agent := req.UserAgent
	if agent == "" {
		agent = c.cfg.UserAgent
	}
	encoding := "identity"
	if req.Compressed {
		encoding = "gzip, deflate"
	}
	r := &http.Request{
		Method: http.MethodGet, URL: u, Host: u.Host, Close: true,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{
			// Its absence makes some filters refuse (Boulder sends it too).
			"Accept":          {"*/*"},
			"Accept-Encoding": {encoding},
			"User-Agent":      {agent},
		},
	}
	if first && (req.BasicUser != "" || req.BasicPassword != "") {
		r.SetBasicAuth(req.BasicUser, req.BasicPassword)
	}
	return r
}

// readAnswer reads the head of the final answer. What it reads is bounded by
// the reader under br.
func readAnswer(br *bufio.Reader, r *http.Request) (*http.Response, error) {
	for range maxInterim + 1 {
		resp, err := http.ReadResponse(br, r)
		if err != nil {
			return nil, fmt.Errorf("reading answer: %w", err)
		}
		switch {
		case resp.ProtoMajor != 1 || resp.ProtoMinor > 1:
			return nil, fmt.Errorf("answer in version %d.%d", resp.ProtoMajor, resp.ProtoMinor)
		case resp.StatusCode < 100 || resp.StatusCode == http.StatusSwitchingProtocols:
			return nil, fmt.Errorf("answer with status %d", resp.StatusCode)
		case resp.StatusCode >= 200:
			return resp, nil
		}
	}
	return nil, errInterim
}

// sniff tells apart, by the first bytes, what is no HTTP/1 answer at all.
func sniff(br *bufio.Reader) (isHTTP bool, err error) {
	head, err := br.Peek(7) // the length of a TLS alert; no answer is shorter
	switch {
	case len(head) >= 2 && (head[0] == 0x15 || head[0] == 0x16) && head[1] == 3:
		return false, errTLSRecord // an alert or a handshake record
	case len(head) >= 4 && head[0] == 0 && head[3] == 4:
		return false, ErrHTTP2 // a SETTINGS frame
	case len(head) == 0 && err != nil:
		return false, fmt.Errorf("reading answer: %w", err)
	}
	return string(head) == "HTTP/1.", nil
}
