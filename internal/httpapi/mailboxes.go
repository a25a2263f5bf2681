package httpapi

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/api"
	"github.com/zonehold/zonehold/internal/app"
)

// Codes are taken by POST alone: programs that look at mail follow links
// (threat T37).
func (s *server) mailboxCalls(h huma.API) {
	register(s, h, call{
		id: "list-mailboxes", method: http.MethodGet, path: "/v1/mailboxes", tag: "Mailboxes", summary: "List the mail addresses of the account",
		rules: rules{scope: zonehold.ScopeDomainsRead, bucket: reads}, replies: map[int]any{200: api.Page[api.Mailbox]{}},
	}, s.listMailboxes)
	register(s, h, call{
		id: "create-mailbox", method: http.MethodPost, path: "/v1/mailboxes", tag: "Mailboxes", summary: "Add a mail address",
		doc:   "Mails a code to the address, which counts once the code has come back.",
		rules: rules{scope: zonehold.ScopeDomainsWrite, bucket: checks}, replies: map[int]any{201: api.Mailbox{}}, errors: []int{408, 409, 413, 415, 422},
	}, s.createMailbox)
	register(s, h, call{
		id: "confirm-mailbox", method: http.MethodPost, path: "/v1/mailboxes/{address}/confirm", tag: "Mailboxes", summary: "Confirm a mail address by its code",
		rules: rules{scope: zonehold.ScopeDomainsWrite, bucket: checks}, replies: map[int]any{200: api.Mailbox{}}, errors: []int{404, 408, 409, 413, 415, 422},
	}, s.confirmMailbox)
	register(s, h, call{
		id: "delete-mailbox", method: http.MethodDelete, path: "/v1/mailboxes/{address}", tag: "Mailboxes", summary: "Forget a mail address",
		doc:   "Refused with 409 while proofs rest on it, unless force is set; they then lapse.",
		rules: rules{scope: zonehold.ScopeDomainsWrite, bucket: writes}, replies: map[int]any{204: nil}, errors: []int{404, 409},
	}, s.deleteMailbox)
	register(s, h, call{
		id: "send-mail-code", method: http.MethodPost, path: "/v1/domains/{ref}/mail-code", tag: "Mailboxes", summary: "Mail a code to a fixed mailbox of a domain",
		doc:   "The five mailboxes are those of the Baseline Requirements, section 3.2.2.4.4.",
		rules: rules{scope: zonehold.ScopeChecksRun, bucket: checks}, replies: map[int]any{202: api.MailCode{}}, errors: []int{404, 408, 409, 413, 415, 422},
	}, s.sendMailCode)
	register(s, h, call{
		id: "confirm-mail-code", method: http.MethodPost, path: "/v1/domains/{ref}/mail-code/confirm", tag: "Mailboxes", summary: "Prove a domain by a mailed code",
		doc:   "A wrong, used or outdated code is a 422 mail_code_wrong and no check.",
		rules: rules{scope: zonehold.ScopeChecksRun, bucket: checks}, replies: map[int]any{200: api.Attempt{}}, errors: []int{404, 408, 409, 413, 415, 422},
	}, s.confirmMailCode)
}

func toMailbox(m *zonehold.Mailbox) api.Mailbox {
	return api.Mailbox{
		Address: m.Address, Confirmed: !m.ConfirmedAt.IsZero(), ConfirmedAt: when(m.ConfirmedAt), ConfirmedBy: text(m.ConfirmedBy), CreatedAt: m.CreatedAt.UTC(),
	}
}

func (s *server) listMailboxes(ctx context.Context, _ *struct{}) (reply, error) {
	all, err := s.Grants.Mailboxes(ctx, actorOf(ctx))
	if err != nil {
		return reply{}, err
	}
	return reply{body: toPage(app.Page[*zonehold.Mailbox]{Items: all}, toMailbox)}, nil
}

func (s *server) createMailbox(ctx context.Context, in *struct{ Body api.CreateMailbox }) (reply, error) {
	m, err := s.Grants.AddMailbox(ctx, actorOf(ctx), in.Body.Address)
	if err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusCreated, body: toMailbox(m)}, nil
}

// MailboxRef is the path of a mail address.
type MailboxRef struct {
	Address string `path:"address" doc:"the address" example:"anna@example.com"`
}

const maxAddress = 320 // RFC 3696, errata

func (m MailboxRef) check() error {
	if len(m.Address) > maxAddress {
		return fault(codeNotFound, "The account has no such address.")
	}
	return nil
}

type codeInput struct {
	MailboxRef
	Body api.Code
}

func (s *server) confirmMailbox(ctx context.Context, in *codeInput) (reply, error) {
	if err := in.check(); err != nil {
		return reply{}, err
	}
	m, err := s.Grants.ConfirmMailbox(ctx, actorOf(ctx), in.Address, in.Body.Code)
	if err != nil {
		return reply{}, err
	}
	return reply{body: toMailbox(m)}, nil
}

func (s *server) deleteMailbox(ctx context.Context, in *struct {
	MailboxRef
	Forcing
}) (reply, error) {
	if err := in.check(); err != nil {
		return reply{}, err
	}
	if err := s.Grants.RemoveMailbox(ctx, actorOf(ctx), in.Address, in.Force); err != nil {
		return reply{}, in.refused(err)
	}
	return reply{status: http.StatusNoContent}, nil
}

type sendMailCodeInput struct {
	DomainRef
	Body api.SendMailCode
}

func (s *server) sendMailCode(ctx context.Context, in *sendMailCodeInput) (reply, error) {
	if err := in.check(); err != nil {
		return reply{}, err
	}
	c, err := s.Grants.MailCode(ctx, actorOf(ctx), in.Ref, in.Body.Mailbox)
	if err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusAccepted, body: api.MailCode{
		DomainID: c.DomainID, Address: c.Address, SentAt: c.SentAt.UTC(), ExpiresAt: c.ExpiresAt.UTC(),
	}}, nil
}

type confirmMailCodeInput struct {
	DomainRef
	Body api.Code
}

func (s *server) confirmMailCode(ctx context.Context, in *confirmMailCodeInput) (reply, error) {
	if err := in.check(); err != nil {
		return reply{}, err
	}
	a, err := s.Grants.ConfirmMailCode(ctx, actorOf(ctx), in.Ref, in.Body.Code)
	if err != nil {
		return reply{}, err
	}
	return reply{body: toAttempt(a)}, nil
}
