package client

import (
	"context"
	"iter"
	"net/http"

	"github.com/zonehold/zonehold/api"
)

// Contest gives the latest contest about the name of a domain.
func (c *Client) Contest(ctx context.Context, ref string) (*api.Contest, error) {
	var out api.Contest
	if _, err := c.call(ctx, http.MethodGet, "/v1/domains/"+segment(ref)+"/contest", nil, nil, &out); err != nil {
		return nil, err
	}
	return &out, nil
}

// WithdrawContest ends a contest that the account has opened.
func (c *Client) WithdrawContest(ctx context.Context, ref string) (*api.Contest, error) {
	var out api.Contest
	if _, err := c.call(ctx, http.MethodDelete, "/v1/domains/"+segment(ref)+"/contest", nil, nil, &out); err != nil {
		return nil, err
	}
	return &out, nil
}

// OfferDomain offers a domain to another account, by its id or name.
func (c *Client) OfferDomain(ctx context.Context, ref, account string) (*api.Transfer, error) {
	var out api.Transfer
	if _, err := c.call(ctx, http.MethodPost, "/v1/domains/"+segment(ref)+"/transfer", nil, api.CreateTransfer{Account: account}, &out); err != nil {
		return nil, err
	}
	return &out, nil
}

// TransferQuery selects offers; zero fields select the open ones.
type TransferQuery struct {
	All    bool // ended ones too
	Limit  int  // 1..500; 0: 50
	Cursor string
}

// Transfers gives one page of offers made and received, newest first.
func (c *Client) Transfers(ctx context.Context, q TransferQuery) (*api.Page[api.Transfer], error) {
	var page api.Page[api.Transfer]
	v := listing(q.All, q.Limit, map[string]string{"cursor": q.Cursor})
	if _, err := c.call(ctx, http.MethodGet, "/v1/transfers", v, nil, &page); err != nil {
		return nil, err
	}
	return &page, nil
}

// AllTransfers walks over the pages of a query. It stops after the first
// error.
func (c *Client) AllTransfers(ctx context.Context, q TransferQuery) iter.Seq2[api.Transfer, error] {
	return pages(q.Cursor, func(cursor string) (*api.Page[api.Transfer], error) {
		q.Cursor = cursor
		return c.Transfers(ctx, q)
	})
}

// CancelTransfer takes an offer back, or turns it down.
func (c *Client) CancelTransfer(ctx context.Context, id string) (*api.Transfer, error) {
	var out api.Transfer
	if _, err := c.call(ctx, http.MethodDelete, "/v1/transfers/"+segment(id), nil, nil, &out); err != nil {
		return nil, err
	}
	return &out, nil
}

// Registration gives what is watched of the owner of a domain.
func (c *Client) Registration(ctx context.Context, ref string) (*api.Registration, error) {
	var out api.Registration
	if _, err := c.call(ctx, http.MethodGet, "/v1/domains/"+segment(ref)+"/registration", nil, nil, &out); err != nil {
		return nil, err
	}
	return &out, nil
}
