package httpapi

import (
	"context"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/app"
)

// mails is an app.Notices for the shapes of HTTP.
type mails struct {
	set  *app.NoticeSettings
	err  error
	want *app.SetNotices
}

func (m *mails) Notices(context.Context, zonehold.Actor) (*app.NoticeSettings, error) {
	return m.set, m.err
}

func (m *mails) SetNotices(_ context.Context, _ zonehold.Actor, in app.SetNotices) (*app.NoticeSettings, error) {
	if m.want != nil {
		if err := expect(*m.want, in); err != nil {
			return nil, err
		}
	}
	return m.set, m.err
}

func init() {
	known := []zonehold.EventType{zonehold.EventDomainAtRisk, zonehold.EventDomainVerified}
	var usual []string
	wireCases = append(wireCases,
		wireCase{"notices_get", "GET /v1/notices", "", []string{all, read}, func(b *bench) {
			b.server.Notices = &mails{set: &app.NoticeSettings{Addresses: []string{"anna@example.com"}, Events: known[:1], Known: known}}
		}},
		wireCase{"notices_get_nobody", "GET /v1/notices", "", []string{read}, func(b *bench) {
			b.server.Notices = &mails{set: &app.NoticeSettings{Events: known[:1], Known: known}}
		}},
		wireCase{"notices_set", "PUT /v1/notices", `{"addresses":["anna@example.com"],"events":[]}`, []string{all, write}, func(b *bench) {
			b.server.Notices = &mails{set: &app.NoticeSettings{Addresses: []string{"anna@example.com"}, Chosen: true, Known: known},
				want: &app.SetNotices{Addresses: &[]string{"anna@example.com"}, Events: &[]string{}}}
		}},
		wireCase{"notices_set_default", "PUT /v1/notices", `{"addresses":null}`, []string{write}, func(b *bench) {
			b.server.Notices = &mails{set: &app.NoticeSettings{Addresses: []string{"anna@example.com"}, Events: known[:1], Known: known},
				want: &app.SetNotices{Addresses: &usual, Events: &usual}}
		}},
		wireCase{"notices_set_unconfirmed", "PUT /v1/notices", `{"addresses":["x@example.com"]}`, []string{write}, func(b *bench) {
			b.server.Notices = &mails{err: &app.Error{Kind: app.KindInvalid, Field: "addresses", Missing: true, Message: `The account has not confirmed the address "x@example.com".`}}
		}},
		wireCase{"notices_set_unknown_field", "PUT /v1/notices", `{"adresses":[]}`, []string{write}, nil},
	)
}
