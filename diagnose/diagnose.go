// Package diagnose finds the one true cause behind a failed check.
package diagnose

import (
	"context"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/problem"
	"github.com/zonehold/zonehold/verify"
)

// Report is a check with its explanation: what the service stores and the CLI
// prints.
type Report struct {
	Method    zonehold.Method
	Outcome   zonehold.Outcome
	Problem   *problem.Problem  // nil if verified
	Notes     []problem.Problem // oddities, and causes beside the primary one
	Steps     []zonehold.Step   // of the check and of the diagnosis, in order of start
	Evidence  verify.Evidence
	DNSHost   *DNSHost // who serves the zone, where known
	StartedAt time.Time
	Duration  time.Duration
}

// DNSHost is a known provider of DNS.
type DNSHost struct {
	Name            string `json:"name"`
	ControlPanelURL string `json:"control_panel_url"`
	// AppendsZone: its panel appends the zone to what is typed as a name.
	AppendsZone bool `json:"-"`
}

// Run checks one method and, when the answer is not "verified", explains it.
func Run(ctx context.Context, kit *verify.Kit, m verify.Method, c verify.Claim) Report {
	panic("owner: diagnose")
}

// RunAll checks every applicable method, cheapest first, until one verifies.
// The report of the others is the most telling one.
func RunAll(ctx context.Context, kit *verify.Kit, c verify.Claim) Report {
	panic("owner: diagnose")
}

// Explain names the primary cause of a result that is not verified, and the
// notes beside it.
func Explain(ctx context.Context, kit *verify.Kit, c verify.Claim, r verify.Result) (*problem.Problem, []problem.Problem) {
	panic("owner: diagnose")
}

// Host recognises the provider from the names of a zone's servers; nil when
// unknown.
func Host(nameServers []string) *DNSHost { panic("owner: diagnose") }
