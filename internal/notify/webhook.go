package notify

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/problem"
)

// Doer makes HTTP requests, as a *http.Client does. It must follow no
// redirects, judge every address that it connects to, and end on its own.
type Doer interface {
	Do(req *http.Request) (*http.Response, error)
}

// keptAnswer is how much of an answer is read, and kept in the log.
const keptAnswer = 1024 // bytes

// webhookLimit is the time of one try in all.
const webhookLimit = 15 * time.Second

// webhookAgent is the User-Agent of webhooks.
const webhookAgent = "Zonehold-Webhooks/1.0"

// Webhooks sends events as Standard Webhooks 1.0.0.
type Webhooks struct {
	Store *store.Store
	HTTP  Doer
	Clock func() time.Time // nil: time.Now
	Log   *slog.Logger     // nil: none
	limit time.Duration    // 0: webhookLimit
}

var _ Channel = (*Webhooks)(nil)

// Kind is store.KindWebhook.
func (w *Webhooks) Kind() string { return store.KindWebhook }

// Deliver makes one request.
func (w *Webhooks) Deliver(ctx context.Context, c *store.Claim) Result {
	limit := w.limit
	if limit == 0 {
		limit = webhookLimit
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	req, err := w.request(ctx, c)
	if errors.Is(err, store.ErrNotFound) {
		return Result{Verdict: Never, Error: "The webhook was removed."}
	}
	if err != nil {
		if w.Log != nil {
			w.Log.ErrorContext(ctx, "a webhook cannot be written", "webhook", c.OutletID, "err", err)
		}
		return Result{Error: "This service could not write the request; its log says why."}
	}
	resp, err := w.HTTP.Do(req)
	if err != nil {
		return Result{Error: why(ctx, err, limit)}
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, keptAnswer))
	r := judge(resp)
	r.Answer = problem.Clean(strings.TrimSpace(string(answer)), keptAnswer)
	if err != nil && r.Verdict == Delivered && ctx.Err() != nil {
		// It said yes and went on to say nothing: still a yes.
		r.Answer = ""
	}
	return r
}

// request writes the signed request.
func (w *Webhooks) request(ctx context.Context, c *store.Claim) (*http.Request, error) {
	hook, err := w.Store.Webhook(ctx, c.AccountID, c.OutletID)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	if w.Clock != nil {
		now = w.Clock()
	}
	secrets, err := w.Store.WebhookSecrets(hook, now)
	if err != nil {
		return nil, err
	}
	body := bodyOf(c.Event)
	signature, err := sign(secrets, c.EventID, now, body)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, hook.URL, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("writing a request: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", webhookAgent)
	req.Header.Set("Webhook-Id", c.EventID)
	req.Header.Set("Webhook-Timestamp", strconv.FormatInt(now.Unix(), 10))
	req.Header.Set("Webhook-Signature", signature)
	return req, nil
}

// judge reads the status (Standard Webhooks 1.0.0, "Deliverability and
// reliability").
func judge(resp *http.Response) Result {
	r := Result{Status: resp.StatusCode}
	switch code := resp.StatusCode; {
	case code >= 200 && code < 300:
		r.Verdict = Delivered
	case code >= 300 && code < 400:
		r.Error = fmt.Sprintf("It answered %d, a redirect. Redirects are not followed: give the webhook the URL that is meant.", code)
	case code == http.StatusGone:
		r.Verdict, r.Error = Gone, "It answered 410, so the webhook was disabled."
	case code == http.StatusTooManyRequests || code == http.StatusBadGateway || code == http.StatusGatewayTimeout:
		r.Slow, r.Error = true, fmt.Sprintf("It answered %d.", code)
		r.Wait = retryAfter(resp.Header.Get("Retry-After"))
	case code == http.StatusServiceUnavailable && resp.Header.Get("Retry-After") != "":
		r.Slow, r.Error = true, "It answered 503."
		r.Wait = retryAfter(resp.Header.Get("Retry-After"))
	default:
		r.Error = fmt.Sprintf("It answered %d.", code)
	}
	return r
}

// retryAfter reads seconds or a date (RFC 9110 section 10.2.3); 0 for others.
func retryAfter(text string) time.Duration {
	if n, err := strconv.ParseUint(strings.TrimSpace(text), 10, 31); err == nil {
		return time.Duration(n) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(time.Until(at), 0)
	}
	return 0
}

// why says in a sentence why there was no answer.
func why(ctx context.Context, err error, limit time.Duration) string {
	var late net.Error
	var badCert *tls.CertificateVerificationError
	var unknown x509.UnknownAuthorityError
	var ue *url.Error
	if errors.As(err, &ue) {
		err = ue.Err // without the URL, which the log has
	}
	switch {
	case ctx.Err() != nil, errors.As(err, &late) && late.Timeout():
		return fmt.Sprintf("There was no answer within %s.", limit)
	case errors.As(err, &badCert), errors.As(err, &unknown):
		return "The certificate of the host does not verify: " + clean(err.Error()) + "."
	}
	return "There was no answer: " + strings.TrimSuffix(clean(err.Error()), ".") + "."
}
