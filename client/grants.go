package client

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"strconv"

	"github.com/zonehold/zonehold/api"
)

// CreatePolicy lets a name count as proved. It needs the scope operator.
func (c *Client) CreatePolicy(ctx context.Context, in api.CreatePolicy) (*api.Policy, error) {
	var p api.Policy
	if _, err := c.call(ctx, http.MethodPost, "/v1/policies", nil, in, &p); err != nil {
		return nil, err
	}
	return &p, nil
}

// PolicyQuery selects policies; zero fields select those in force.
type PolicyQuery struct {
	Method string // whitelist, waved, back_office, pdd or auto
	Domain string // only those that give this name to somebody
	All    bool   // ended ones too
	Limit  int    // 1..500; 0: 50
	Cursor string
}

// Policies gives one page of policies, newest first.
func (c *Client) Policies(ctx context.Context, q PolicyQuery) (*api.Page[api.Policy], error) {
	var page api.Page[api.Policy]
	v := listing(q.All, q.Limit, map[string]string{"method": q.Method, "domain": q.Domain, "cursor": q.Cursor})
	if _, err := c.call(ctx, http.MethodGet, "/v1/policies", v, nil, &page); err != nil {
		return nil, err
	}
	return &page, nil
}

// AllPolicies walks over the pages of a query. It stops after the first error.
func (c *Client) AllPolicies(ctx context.Context, q PolicyQuery) iter.Seq2[api.Policy, error] {
	return pages(q.Cursor, func(cursor string) (*api.Page[api.Policy], error) {
		q.Cursor = cursor
		return c.Policies(ctx, q)
	})
}

// Policy gives one policy.
func (c *Client) Policy(ctx context.Context, id string) (*api.Policy, error) {
	var p api.Policy
	if _, err := c.call(ctx, http.MethodGet, "/v1/policies/"+segment(id), nil, nil, &p); err != nil {
		return nil, err
	}
	return &p, nil
}

// RevokePolicy ends a policy. by "" is the name of the token's account.
func (c *Client) RevokePolicy(ctx context.Context, id, by, reason string) (*api.RevokedPolicy, error) {
	var p api.RevokedPolicy
	v := listing(false, 0, map[string]string{"by": by, "reason": reason})
	if _, err := c.call(ctx, http.MethodDelete, "/v1/policies/"+segment(id), v, nil, &p); err != nil {
		return nil, err
	}
	return &p, nil
}

// Delegate gives another account a right to a name.
func (c *Client) Delegate(ctx context.Context, in api.CreateDelegation) (*api.Delegation, error) {
	var d api.Delegation
	if _, err := c.call(ctx, http.MethodPost, "/v1/delegations", nil, in, &d); err != nil {
		return nil, err
	}
	return &d, nil
}

// DelegationQuery selects delegations; zero fields select those that have not
// ended.
type DelegationQuery struct {
	Domain    string // id or hostname
	Direction string // "given", "received", "": both
	All       bool   // ended ones too
	Limit     int    // 1..500; 0: 50
	Cursor    string
}

// Delegations gives one page of delegations, newest first.
func (c *Client) Delegations(ctx context.Context, q DelegationQuery) (*api.Page[api.Delegation], error) {
	var page api.Page[api.Delegation]
	v := listing(q.All, q.Limit, map[string]string{"domain": q.Domain, "direction": q.Direction, "cursor": q.Cursor})
	if _, err := c.call(ctx, http.MethodGet, "/v1/delegations", v, nil, &page); err != nil {
		return nil, err
	}
	return &page, nil
}

// AllDelegations walks over the pages of a query. It stops after the first
// error.
func (c *Client) AllDelegations(ctx context.Context, q DelegationQuery) iter.Seq2[api.Delegation, error] {
	return pages(q.Cursor, func(cursor string) (*api.Page[api.Delegation], error) {
		q.Cursor = cursor
		return c.Delegations(ctx, q)
	})
}

// RevokeDelegation takes a right back, or gives it up.
func (c *Client) RevokeDelegation(ctx context.Context, id, reason string) (*api.Delegation, error) {
	var d api.Delegation
	v := listing(false, 0, map[string]string{"reason": reason})
	if _, err := c.call(ctx, http.MethodDelete, "/v1/delegations/"+segment(id), v, nil, &d); err != nil {
		return nil, err
	}
	return &d, nil
}

// Connect connects an account at a DNS provider.
func (c *Client) Connect(ctx context.Context, in api.CreateConnection) (*api.Connection, error) {
	var con api.Connection
	if _, err := c.call(ctx, http.MethodPost, "/v1/connections", nil, in, &con); err != nil {
		return nil, err
	}
	return &con, nil
}

// Connections lists the connected accounts.
func (c *Client) Connections(ctx context.Context) ([]api.Connection, error) {
	var page api.Page[api.Connection]
	if _, err := c.call(ctx, http.MethodGet, "/v1/connections", nil, nil, &page); err != nil {
		return nil, err
	}
	return page.Items, nil
}

// TestConnection tries the stored credentials now. A test that fails is no
// error: Works is false.
func (c *Client) TestConnection(ctx context.Context, id string) (*api.Connection, error) {
	var con api.Connection
	if _, err := c.call(ctx, http.MethodPost, "/v1/connections/"+segment(id)+"/test", nil, nil, &con); err != nil {
		return nil, err
	}
	return &con, nil
}

// Disconnect forgets a connected account; with force also if proofs rest on
// it, which then lapse.
func (c *Client) Disconnect(ctx context.Context, id string, force bool) error {
	_, err := c.call(ctx, http.MethodDelete, "/v1/connections/"+segment(id), forced(force), nil, nil)
	return err
}

// Mailboxes lists the mail addresses of the account.
func (c *Client) Mailboxes(ctx context.Context) ([]api.Mailbox, error) {
	var page api.Page[api.Mailbox]
	if _, err := c.call(ctx, http.MethodGet, "/v1/mailboxes", nil, nil, &page); err != nil {
		return nil, err
	}
	return page.Items, nil
}

// AddMailbox has a code mailed to an address, which ConfirmMailbox takes.
func (c *Client) AddMailbox(ctx context.Context, address string) (*api.Mailbox, error) {
	var m api.Mailbox
	if _, err := c.call(ctx, http.MethodPost, "/v1/mailboxes", nil, api.CreateMailbox{Address: address}, &m); err != nil {
		return nil, err
	}
	return &m, nil
}

// ConfirmMailbox confirms an address by its code.
func (c *Client) ConfirmMailbox(ctx context.Context, address, code string) (*api.Mailbox, error) {
	var m api.Mailbox
	if _, err := c.call(ctx, http.MethodPost, "/v1/mailboxes/"+segment(address)+"/confirm", nil, api.Code{Code: code}, &m); err != nil {
		return nil, err
	}
	return &m, nil
}

// RemoveMailbox forgets an address; with force also if proofs rest on it,
// which then lapse.
func (c *Client) RemoveMailbox(ctx context.Context, address string, force bool) error {
	_, err := c.call(ctx, http.MethodDelete, "/v1/mailboxes/"+segment(address), forced(force), nil, nil)
	return err
}

// SendMailCode has a code mailed to a fixed mailbox of a claimed domain:
// admin, administrator, webmaster, hostmaster or postmaster.
func (c *Client) SendMailCode(ctx context.Context, ref, mailbox string) (*api.MailCode, error) {
	var m api.MailCode
	if _, err := c.call(ctx, http.MethodPost, "/v1/domains/"+segment(ref)+"/mail-code", nil, api.SendMailCode{Mailbox: mailbox}, &m); err != nil {
		return nil, err
	}
	return &m, nil
}

// ConfirmMailCode proves a domain by that code.
func (c *Client) ConfirmMailCode(ctx context.Context, ref, code string) (*api.Attempt, error) {
	var a api.Attempt
	if _, err := c.call(ctx, http.MethodPost, "/v1/domains/"+segment(ref)+"/mail-code/confirm", nil, api.Code{Code: code}, &a); err != nil {
		return nil, err
	}
	return &a, nil
}

func forced(force bool) url.Values {
	if !force {
		return nil
	}
	return url.Values{"force": {"true"}}
}

// listing makes a query of what is set.
func listing(all bool, limit int, words map[string]string) url.Values {
	v := url.Values{}
	for name, value := range words {
		if value != "" {
			v.Set(name, value)
		}
	}
	if all {
		v.Set("all", "true")
	}
	if limit > 0 {
		v.Set("limit", strconv.Itoa(limit))
	}
	return v
}

// pages walks over a list from a cursor on.
func pages[T any](cursor string, get func(cursor string) (*api.Page[T], error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for {
			page, err := get(cursor)
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, it := range page.Items {
				if !yield(it, nil) {
					return
				}
			}
			if page.NextCursor == nil || *page.NextCursor == cursor {
				return
			}
			cursor = *page.NextCursor
		}
	}
}
