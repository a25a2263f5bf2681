package web

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/zonehold/zonehold/probe"
)

// rawSlack is how much longer than its limit a body may be while compressed:
// the frame around something that does not shrink. It also ends a stream that
// goes on without any content.
const rawSlack = 64 << 10

var errRawLimit = errors.New("compressed body over the limit")

// body reads the body of the final answer into f.
func (c *Client) body(ctx context.Context, req *Request, resp *http.Response, u *url.URL, f *Fetch, hop *Hop) *Error {
	limit := req.MaxBody
	if limit <= 0 {
		limit = c.cfg.MaxBody
	}
	limit = min(limit, 1<<30) // all of it is held in memory
	span := probe.TraceFrom(ctx).Start("body", hop.URL)
	raw := &meter{r: resp.Body, left: limit + rawSlack, limit: errRawLimit}
	fail := func(kind ErrorKind, err error) *Error {
		f.BodyRaw = raw.n
		span.End(false, "%s after %d bytes", kind, raw.n)
		return &Error{Kind: kind, URL: hop.URL, Addr: hop.Addr, Err: cause(ctx, err)}
	}
	encoding, err := contentEncoding(resp.Header)
	if err != nil {
		return fail(KindEncoding, err)
	}
	plain, err := decode(encoding, raw)
	if err == nil {
		f.Encoding = encoding
		f.Body, f.TooLarge, err = readUpTo(plain, limit)
	}
	switch {
	case err == nil:
	case errors.Is(raw.err, errRawLimit):
		f.TooLarge = true
	case raw.err != nil && !errors.Is(raw.err, io.EOF):
		return fail(ioKind(raw.err, KindProtocol), fmt.Errorf("reading body: %w", raw.err))
	default:
		return fail(KindEncoding, fmt.Errorf("undoing %s: %w", encoding, err))
	}
	f.BodyRaw = raw.n
	span.End(true, "%d bytes", len(f.Body))
	if u.Scheme == "http" && f.Status == http.StatusBadRequest && wantsTLS(f.Body) {
		return &Error{Kind: KindHTTPSOnHTTP, URL: hop.URL, Addr: hop.Addr, Err: errTLSRecord}
	}
	return nil
}

// wantsTLS knows the pages with which TLS ports answer plain HTTP. There is no
// other sign of it: status 400 says nothing by itself.
func wantsTLS(body []byte) bool {
	for _, s := range []string{
		"plain HTTP request was sent to HTTPS port",         // nginx and its kin
		"speaking plain HTTP to an SSL-enabled server port", // Apache httpd
		"Client sent an HTTP request to an HTTPS server",    // Go
		"This combination of host and port requires TLS",    // Tomcat
	} {
		if bytes.Contains(body, []byte(s)) {
			return true
		}
	}
	return false
}

// contentEncoding is "", "gzip" or "deflate". Anything else, and more than
// one layer, is an error.
func contentEncoding(h http.Header) (string, error) {
	value := strings.ToLower(strings.TrimSpace(strings.Join(h.Values("Content-Encoding"), ",")))
	switch value {
	case "", "identity":
		return "", nil
	case "gzip", "x-gzip":
		return "gzip", nil
	case "deflate":
		return value, nil
	}
	return "", fmt.Errorf("Content-Encoding %s is not known", quote(value))
}

// decode undoes one encoding. An empty body is empty in every encoding.
func decode(encoding string, raw io.Reader) (io.Reader, error) {
	if encoding == "" {
		return raw, nil
	}
	br := bufio.NewReader(raw)
	head, err := br.Peek(2)
	if len(head) == 0 && err == io.EOF {
		return br, nil
	}
	if encoding == "gzip" {
		return gzip.NewReader(br)
	}
	// "deflate" means zlib (RFC 9110 section 8.4.1.2), but bare deflate data
	// is common. A zlib header tells itself by RFC 1950 section 2.2.
	if len(head) == 2 && head[0]&0x0f == 8 && (uint(head[0])<<8|uint(head[1]))%31 == 0 {
		return zlib.NewReader(br)
	}
	return flate.NewReader(br), nil
}

// readUpTo reads at most limit bytes, and says whether there were more.
func readUpTo(r io.Reader, limit int64) (body []byte, more bool, err error) {
	buf := make([]byte, 0, min(4<<10, limit+1))
	for {
		if len(buf) == cap(buf) {
			// Few, large steps: what is thrown away stays small.
			size := 4 * int64(cap(buf))
			if size > limit/2 {
				size = limit + 1
			}
			grown := make([]byte, len(buf), size)
			copy(grown, buf)
			buf = grown
		}
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if int64(len(buf)) > limit {
			return buf[:limit], true, nil
		}
		if err != nil {
			if cap(buf) > 2*len(buf) {
				buf = slices.Clone(buf)
			}
			if err == io.EOF {
				err = nil
			}
			return buf, false, err
		}
	}
}

// meter counts and bounds the bytes of a stream, and remembers how the stream
// failed, which the readers above may hide.
type meter struct {
	r     io.Reader
	n     int64 // read so far
	left  int64 // still allowed
	limit error // given when more is asked for
	err   error // how it ended
}

func (m *meter) Read(p []byte) (int, error) {
	if m.left <= 0 {
		m.err = m.limit
		return 0, m.err
	}
	n, err := m.r.Read(p[:min(int64(len(p)), m.left)])
	m.n += int64(n)
	m.left -= int64(n)
	if err != nil {
		m.err = err
	}
	return n, err
}
