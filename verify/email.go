package verify

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/problem"
)

// maxSharers is how many accounts may have confirmed addresses in one mail
// domain before it counts as shared by strangers (threat T37).
const maxSharers = 3

// email accepts a name in which the account has a confirmed mail address:
// exactly that name, a registrable one, and none whose addresses anybody can
// get (threats T37, T39). A code that was mailed to one of the domain's fixed
// mailboxes and brought back counts for as long as it is fresh (Baseline
// Requirements 3.2.2.4.4).
var email = granted{
	name: zonehold.MethodEmail, proves: zonehold.AssuranceMailbox,
	has: func(kit *Kit, c Claim) (bool, string) {
		switch {
		case len(freshCodes(c)) > 0:
			return true, ""
		case kit != nil && kit.NoEmail:
			return false, "The operator of this service does not accept mail addresses as proofs."
		}
		for _, a := range addressesOf(c) {
			if a.Confirmed() {
				return true, ""
			}
		}
		return false, "The account has no confirmed mail address in exactly this domain."
	},
	judge: judgeAddresses,
}

// ConfirmedCode is a code that came back from a mailbox of the claimed domain.
type ConfirmedCode struct {
	ID          string
	Address     string
	ConfirmedAt time.Time
	Until       time.Time // when it has to be done again
}

// addressesOf are the account's addresses in exactly the claimed name.
func addressesOf(c Claim) []Address {
	if c.Standing == nil {
		return nil
	}
	var out []Address
	for _, a := range c.Standing.Addresses {
		at := strings.LastIndexByte(a.Address, '@')
		if at > 0 && strings.EqualFold(a.Address[at+1:], string(c.Hostname)) {
			out = append(out, a)
		}
	}
	return out
}

// freshCodes are the codes for the claimed name that still count.
func freshCodes(c Claim) []ConfirmedCode {
	return codesOf(c, func(code ConfirmedCode) bool { return time.Now().Before(code.Until) })
}

// staleCode is the newest one of those that counted once.
func staleCode(c Claim) (ConfirmedCode, bool) {
	stale := codesOf(c, func(code ConfirmedCode) bool { return !time.Now().Before(code.Until) })
	if len(stale) == 0 {
		return ConfirmedCode{}, false
	}
	return stale[0], true
}

func codesOf(c Claim, want func(ConfirmedCode) bool) []ConfirmedCode {
	if c.Standing == nil {
		return nil
	}
	var out []ConfirmedCode
	for _, code := range c.Standing.Codes {
		domain := code.Address[strings.LastIndexByte(code.Address, '@')+1:]
		if domain == string(c.Hostname) && !code.ConfirmedAt.IsZero() && want(code) {
			out = append(out, code)
		}
	}
	return out
}

func judgeAddresses(_ context.Context, kit *Kit, c Claim, facts problem.Facts) Result {
	if codes := freshCodes(c); len(codes) > 0 {
		code := codes[0]
		return Result{Outcome: zonehold.OutcomeVerified, Source: code.ID, Until: code.Until, Evidence: Evidence{Grounds: []Ground{{
			Kind: "mail_code", ID: code.ID, Detail: code.Address, Since: code.ConfirmedAt, Until: code.Until, Counts: true,
		}}}}
	}
	addresses := addressesOf(c)
	if code, ok := staleCode(c); ok && (kit.NoEmail || len(addresses) == 0) {
		r := no(zonehold.OutcomeAbsent, "mail_code_expired", facts, problem.FactDetail,
			fmt.Sprintf("The code that proved it counted until %s.", day(code.Until)))
		r.Evidence.Grounds = []Ground{{Kind: "mail_code", ID: code.ID, Detail: code.Address, Since: code.ConfirmedAt, Until: code.Until}}
		return r
	}
	if kit.NoEmail {
		return no(zonehold.OutcomeRefused, "email_not_accepted", facts)
	}
	if len(addresses) == 0 {
		return no(zonehold.OutcomeAbsent, "email_address_missing", facts)
	}
	if kind, shared := SharedMailDomain(string(c.Hostname)); shared {
		return no(zonehold.OutcomeRefused, "mail_domain_shared", facts, problem.FactDetail, "It is known as a domain of "+kind+".")
	}
	if registrable, ok := c.Hostname.Registrable(); !ok || registrable != string(c.Hostname) {
		return no(zonehold.OutcomeRefused, "mail_domain_shared", facts, problem.FactDetail,
			"It lies below "+registrable+", whose holder gives out its addresses.")
	}
	for _, a := range addresses {
		if !a.Confirmed() {
			continue
		}
		ground := Ground{Kind: "mailbox", ID: a.Address, By: a.ConfirmedBy, Since: a.ConfirmedAt}
		if a.Sharers > maxSharers {
			r := no(zonehold.OutcomeRefused, "mail_domain_shared", facts, problem.FactDetail,
				fmt.Sprintf("Addresses in it belong to %d accounts here.", a.Sharers))
			r.Evidence.Grounds = []Ground{ground}
			return r
		}
		ground.Counts = true
		return Result{Outcome: zonehold.OutcomeVerified, Source: a.Address, Evidence: Evidence{Grounds: []Ground{ground}}}
	}
	return no(zonehold.OutcomeAbsent, "mail_address_unconfirmed", facts, problem.FactGot, addresses[0].Address)
}
