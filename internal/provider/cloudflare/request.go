package cloudflare

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/probe"
	"github.com/zonehold/zonehold/probe/web"
)

const (
	attempts = 3
	pause    = 250 * time.Millisecond // before the second attempt, doubled before the next
	maxPause = 2 * time.Second        // however long Cloudflare asks us to wait
	maxBody  = 2 << 20                // bytes; fifty zones need 200 kB
)

// envelope is around every answer.
type envelope struct {
	Success *bool           `json:"success"`
	Result  json.RawMessage `json:"result"`
	Errors  []struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	} `json:"errors"`
	Info struct {
		TotalPages int `json:"total_pages"`
	} `json:"result_info"`
}

// get asks for path and reads the result into out. It repeats what may work a
// moment later, and tells how many pages there are.
func (a *Account) get(ctx context.Context, path string, query url.Values, out any) (pages int, err error) {
	wait := pause
	for attempt := 1; ; attempt++ {
		pages, again, err := a.once(ctx, path, query, out)
		if err == nil || again < 0 || attempt == attempts {
			return pages, err
		}
		wait = min(max(wait, again), maxPause)
		select {
		case <-ctx.Done():
			return 0, err
		case <-time.After(wait):
		}
		wait *= 2
	}
}

// never says that a request is not worth repeating.
const never = time.Duration(-1)

// once makes one request. again says after what time it is worth repeating, or
// never.
func (a *Account) once(ctx context.Context, path string, query url.Values, out any) (pages int, again time.Duration, err error) {
	target := a.p.base + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, http.NoBody)
	if err != nil {
		return 0, never, unavailable("the address of the API is not a URL")
	}
	req.Header.Set("Authorization", "Bearer "+a.token)
	req.Header.Set("Accept", "application/json")
	resp, err := a.p.http.Do(req)
	if err != nil {
		reason, final := outage(err)
		if final {
			return 0, never, unavailable(reason)
		}
		return 0, 0, unavailable(reason)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	if err == nil && len(body) > maxBody {
		err = web.ErrBodyTooLarge
	}
	if err != nil {
		reason, final := outage(err)
		if final {
			return 0, never, unavailable(reason)
		}
		return 0, 0, unavailable(reason)
	}
	var e envelope
	isAPI := json.Unmarshal(body, &e) == nil && e.Success != nil
	ok := resp.StatusCode >= 200 && resp.StatusCode <= 299
	switch {
	case resp.StatusCode == http.StatusTooManyRequests:
		return 0, retryAfter(resp.Header), unavailable("Cloudflare asks for fewer requests")
	case resp.StatusCode >= 500:
		return 0, retryAfter(resp.Header), unavailable(fmt.Sprintf("Cloudflare answers with status %d", resp.StatusCode))
	case !ok && !isAPI:
		return 0, never, unavailable(fmt.Sprintf("Cloudflare answers with status %d", resp.StatusCode))
	case !isAPI:
		return 0, never, unavailable("the answer is not one of the Cloudflare API")
	case !ok || !*e.Success:
		return 0, never, e.refusal(resp.StatusCode)
	}
	if len(e.Result) == 0 || string(e.Result) == "null" || json.Unmarshal(e.Result, out) != nil {
		return 0, never, unavailable("the answer is not one of the Cloudflare API")
	}
	return e.Info.TotalPages, never, nil
}

// retryAfter is how long the server asks us to wait, in whole seconds.
func retryAfter(h http.Header) time.Duration {
	n, err := strconv.Atoi(h.Get("Retry-After"))
	if err != nil || n < 0 || n > 3600 {
		return 0
	}
	return time.Duration(n) * time.Second
}

func unavailable(reason string) error {
	return fmt.Errorf("%w: %s", zonehold.ErrProviderUnavailable, reason)
}

func rejected(reason string) error {
	return fmt.Errorf("%w: %s", zonehold.ErrProviderCredentials, reason)
}

// refusal says in our own words what an error of the API means. What
// Cloudflare wrote is never repeated, as it may hold the token.
func (e *envelope) refusal(status int) error {
	code, text := 0, ""
	if len(e.Errors) > 0 {
		code, text = e.Errors[0].Code, strings.ToLower(e.Errors[0].Message)
	}
	switch code {
	case 971, 10013, 10429:
		return unavailable("Cloudflare asks for fewer requests")
	case 6003, 6111, 9106, 9107:
		return rejected("the token does not have the form of one")
	case 1000, 1001, 9103, 9109, 10000, 10001:
		switch {
		case strings.Contains(text, "from location"):
			return rejected("the token may not be used from the address of this service")
		case strings.Contains(text, "unauthorized to access"):
			return rejected("the token lacks the permission Zone:Read")
		}
		return rejected("Cloudflare does not know the token, or it is no longer valid")
	}
	if status == http.StatusUnauthorized || status == http.StatusForbidden {
		return rejected("Cloudflare refuses the token, code " + strconv.Itoa(code))
	}
	return unavailable(fmt.Sprintf("Cloudflare answers with status %d, code %d", status, code))
}

// outage says why there was no answer, and whether that is final. The error of
// the transport itself is not repeated: it may name addresses inside.
func outage(err error) (reason string, final bool) {
	var timeout net.Error
	switch {
	case errors.Is(err, context.Canceled):
		return "the request was cancelled", true
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "Cloudflare does not answer in time", true
	case errors.Is(err, web.ErrBodyTooLarge):
		return "the answer is larger than any that Cloudflare gives", true
	case errors.Is(err, probe.ErrForbidden), errors.Is(err, web.ErrURL):
		return "the endpoint is at an address that may not be asked", true
	}
	return "no connection to Cloudflare", false
}
