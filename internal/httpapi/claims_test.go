package httpapi

import (
	"context"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/app"
)

const transferID = "trf_06c4b1q2v8h3k5n7p9r1s3t5u0"

// claims is an app.Claims for the shapes of HTTP, as service is.
type claims struct {
	contest  func(ref string) (*app.Contest, error)
	withdraw func(ref string) (*app.Contest, error)
	offer    func(in app.NewTransfer) (*app.Transfer, error)
	offers   func(q app.TransferQuery) (app.Page[*app.Transfer], error)
	cancel   func(id string) (*app.Transfer, error)
	watched  func(ref string) (*app.Registration, error)
}

var _ app.Claims = (*claims)(nil)

func (c *claims) Contest(_ context.Context, _ zonehold.Actor, ref string) (*app.Contest, error) {
	return c.contest(ref)
}

func (c *claims) WithdrawContest(_ context.Context, _ zonehold.Actor, ref string) (*app.Contest, error) {
	return c.withdraw(ref)
}

func (c *claims) OfferDomain(_ context.Context, _ zonehold.Actor, in app.NewTransfer) (*app.Transfer, error) {
	return c.offer(in)
}

func (c *claims) Transfers(_ context.Context, _ zonehold.Actor, q app.TransferQuery) (app.Page[*app.Transfer], error) {
	return c.offers(q)
}

func (c *claims) CancelTransfer(_ context.Context, _ zonehold.Actor, id string) (*app.Transfer, error) {
	return c.cancel(id)
}

func (c *claims) Registration(_ context.Context, _ zonehold.Actor, ref string) (*app.Registration, error) {
	return c.watched(ref)
}

func aContest() *app.Contest {
	return &app.Contest{ID: "cnt_06c4b1q2v8h3k5n7p9r1s3t5u0", DomainID: domainID, Hostname: "example.com", State: "open", OpenedAt: t0, EndsAt: t0.Add(72 * time.Hour)}
}

func aTransfer() *app.Transfer {
	return &app.Transfer{
		ID: transferID, DomainID: domainID, Hostname: "example.com", Given: true, FromName: "anna", To: "agency", State: "open",
		CreatedAt: t0, ExpiresAt: t0.Add(14 * 24 * time.Hour),
	}
}

var claimCases = []wireCase{
	{"contest_get", "GET /v1/domains/example.com/contest", "", []string{read}, func(b *bench) {
		b.claims.contest = func(ref string) (*app.Contest, error) { return aContest(), expect("example.com", ref) }
	}},
	{"contest_get_none", "GET /v1/domains/example.com/contest", "", []string{read}, func(b *bench) {
		b.claims.contest = func(string) (*app.Contest, error) {
			return nil, refusal(app.KindNotFound, "There is no such contest about this name in this account.")
		}
	}},
	{"contest_withdraw", "DELETE /v1/domains/example.com/contest", "", []string{write}, func(b *bench) {
		b.claims.withdraw = func(ref string) (*app.Contest, error) {
			c := aContest()
			c.Challenger, c.State, c.SettledAt = true, "withdrawn", t0.Add(time.Hour)
			return c, expect("example.com", ref)
		}
	}},
	{"contest_withdraw_of_other", "DELETE /v1/domains/example.com/contest", "", []string{write}, func(b *bench) {
		b.claims.withdraw = func(string) (*app.Contest, error) {
			return nil, refusal(app.KindConflict, "Another account has opened this contest.")
		}
	}},
	{"transfer_create", "POST /v1/domains/example.com/transfer", `{"account":"agency"}`, []string{write}, func(b *bench) {
		b.claims.offer = func(in app.NewTransfer) (*app.Transfer, error) {
			return aTransfer(), expect(app.NewTransfer{Domain: "example.com", Account: "agency"}, in)
		}
	}},
	{"transfer_create_bad_fields", "POST /v1/domains/example.com/transfer", `{"account":"","to":"s3cret"}`, []string{write}, nil},
	{"transfer_create_scope", "POST /v1/domains/example.com/transfer", `{"account":"agency"}`, []string{read}, nil},
	{"transfer_list", "GET /v1/transfers?all=true&limit=1", "", []string{read}, func(b *bench) {
		b.claims.offers = func(q app.TransferQuery) (app.Page[*app.Transfer], error) {
			t := aTransfer()
			t.Given, t.DomainID, t.State, t.EndedAt = false, "", "done", t0.Add(time.Hour)
			return app.Page[*app.Transfer]{Items: []*app.Transfer{t}, NextCursor: "next"}, expect(app.TransferQuery{All: true, Limit: 1}, q)
		}
	}},
	{"transfer_cancel", "DELETE /v1/transfers/" + transferID, "", []string{write}, func(b *bench) {
		b.claims.cancel = func(id string) (*app.Transfer, error) {
			t := aTransfer()
			t.State, t.EndedAt = "cancelled", t0.Add(time.Hour)
			return t, expect(transferID, id)
		}
	}},
	{"transfer_cancel_bad_id", "DELETE /v1/transfers/s3cret", "", []string{write}, nil},
	{"registration_get", "GET /v1/domains/example.com/registration", "", []string{read}, func(b *bench) {
		b.claims.watched = func(ref string) (*app.Registration, error) {
			return &app.Registration{
				Name: "example.com", Source: "rdap", Server: "rdap.registry.example", Registrar: "Example Registrar", Statuses: []string{"active"},
				CreatedAt: t0.AddDate(-5, 0, 0), ExpiresAt: t0.AddDate(0, 5, 0), NameServers: []string{"ns1.example.net", "ns2.example.net"},
				Signs:  []app.OwnerSign{{Kind: "registrar", SeenAt: t0, Was: "Old Registrar", Is: "Example Registrar"}},
				SeenAt: t0, AskedAt: t0, NextLookAt: t0.Add(24 * time.Hour), ChangedAt: t0,
			}, expect("example.com", ref)
		}
	}},
	{"registration_get_unwatched", "GET /v1/domains/example.com/registration", "", []string{read}, func(b *bench) {
		b.claims.watched = func(string) (*app.Registration, error) {
			return nil, refusal(app.KindNotFound, "The registration is watched from the first proof of the domain on.")
		}
	}},
}
