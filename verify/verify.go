// Package verify checks proofs of control over a domain, one file per method.
//
// A check gives one of five outcomes, with what it rests on. It says verified
// only if the exact secret of the claim was seen where the profile wants it, or
// if what is on record or in a registry gives the very name to the account; it
// says absent or mismatch only from consistent answers; when it could not
// ask it says inconclusive, which changes nothing. The reason it gives is what
// the check itself saw; package diagnose looks further.
package verify

import (
	"context"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/probe/dns"
	"github.com/zonehold/zonehold/probe/registry"
	"github.com/zonehold/zonehold/probe/web"
	"github.com/zonehold/zonehold/problem"
)

// Claim is what is to be proved, and by which secrets.
type Claim struct {
	Hostname zonehold.Hostname
	Scheme   string // "", "http", "https": limits the web methods to one
	Port     uint16 // 0: the scheme's default
	Profile  zonehold.ProfileName
	Tokens   zonehold.Tokens
	Old      []OldToken // earlier tokens of the same account for this name
	// Credentials for a site behind HTTP basic authentication.
	BasicUser, BasicPassword string
	// What is known from before, for a better explanation. None of it changes
	// a verdict.
	VerifiedBefore time.Time           // when this claim was last proved by the method; zero: never
	SerialBefore   uint32              // of the zone when the claim was made; 0: unknown
	FormerServers  []string            // name servers that served the zone earlier, or that the person named
	Siblings       []zonehold.Hostname // other names of the same account, where a record may have landed
	// Standing is what the service knows of the claimant; nil: nothing.
	Standing *Standing
}

// OldToken is a token that no longer proves anything.
type OldToken struct {
	Value     string
	RetiredAt time.Time
}

// NameserverPolicy says how many name servers must have the proof.
type NameserverPolicy string

const (
	NameserversAll      NameserverPolicy = "all"      // every one answers, all alike (threats T18, T22)
	NameserversMajority NameserverPolicy = "majority" // the operator's choice to be laxer
)

// Kit is what methods work with.
type Kit struct {
	DNS         *dns.Resolver
	Web         *web.Client
	CNAMEZone   string           // zone of CNAME targets; "": dcv.zonehold.invalid
	Nameservers NameserverPolicy // "": all
	// NoCachedView: do not ask recursive resolvers what others still see. Only
	// diagnosis ever asks them, never a check.
	NoCachedView bool
	// OtherClaim reports whether value is a live token of a claim of another
	// account or another name. Nil: nobody knows.
	OtherClaim func(ctx context.Context, value string) bool
	// ParentCoversAny: a proof of one web host covers the names below it too,
	// if the operator wants it (contract config, ZONEHOLD_PARENT_COVERS).
	ParentCoversAny bool
	// Registry asks RDAP and WHOIS; nil: the method whois cannot work.
	Registry *registry.Client
	// NoEmail: an address in the domain proves nothing (contract config,
	// ZONEHOLD_EMAIL_PROVES).
	NoEmail bool
}

// Method is one way to prove control.
//
// Check MUST return within the deadline of ctx, MUST NOT return
// OutcomeVerified unless the exact secret of this claim was seen where the
// profile wants it or, where nothing is placed, Claim.Standing gives this very
// name to the account, and MUST return OutcomeInconclusive when it could not
// ask.
// It never returns an error: what went wrong is in the Result.
type Method interface {
	Name() zonehold.Method
	Challenge(kit *Kit, c Claim) zonehold.Challenge
	Check(ctx context.Context, kit *Kit, c Claim) Result
}

// Result is the verdict of one check, with what it rests on.
type Result struct {
	Method   zonehold.Method
	Outcome  zonehold.Outcome
	Problem  *Finding  // the plain reason, or a better one where the check itself saw it; nil if verified
	Notes    []Finding // oddities that did not change the verdict
	Evidence Evidence

	// Of a proof for which nothing was placed.
	Source string             // what it rests on: zonehold.Domain.ProofSource
	Proves zonehold.Assurance // "": as the challenge says
	Covers zonehold.Covers    // "": as Proves says
	Until  time.Time          // when what it rests on ends by itself; zero: never
}

// Finding is a cause with its facts.
type Finding struct {
	Code  problem.Code
	Facts problem.Facts
}

// Evidence is everything seen by a check.
type Evidence struct {
	Lookups []*dns.Lookup // the question for the proof, followed through aliases
	Control *dns.Answer   // the same question for a random sibling name
	Fetches []*web.Fetch
	Decoys  []*web.Fetch // the same fetch for a random file name
	Grounds []Ground     // what was on record, for methods where nothing is placed
	// Registration is what the registry said, with its answer as it came.
	Registration *registry.Registration
}
