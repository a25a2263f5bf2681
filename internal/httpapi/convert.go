package httpapi

import (
	"cmp"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/api"
	"github.com/zonehold/zonehold/internal/app"
	"github.com/zonehold/zonehold/internal/auth"
	"github.com/zonehold/zonehold/problem"
)

// text is null for what is empty.
func text[S ~string](s S) *string {
	if s == "" {
		return nil
	}
	t := string(s)
	return &t
}

// when is null for the zero time.
func when(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

func number[N ~int | ~uint16](n N) *int {
	if n == 0 {
		return nil
	}
	i := int(n)
	return &i
}

// list is never null.
func list[T any](items []T) []T {
	if items == nil {
		return []T{}
	}
	return items
}

func toDomain(d *app.Domain) api.Domain {
	out := api.Domain{
		ID: d.ID, Hostname: string(d.Hostname), HostnameUnicode: d.Hostname.Unicode(),
		Scheme: text(d.Scheme), Port: number(d.Port), Profile: string(d.Profile),
		State: string(d.State), StateSince: d.StateSince.UTC(), Turn: string(d.Turn),
		Verified: d.State.Verified(), VerifiedAt: when(d.VerifiedAt), Method: text(d.Method),
		Assurance: text(d.Assurance), Covers: text(d.Covers), CoveredBy: text(d.CoveredBy), ProofSource: text(d.ProofSource),
		NextCheckAt: when(d.NextCheckAt), GraceEndsAt: when(d.GraceEndsAt), TriesEndAt: when(d.TriesEndAt),
		FrozenAt: when(d.FrozenAt), FreezeReason: text(d.FreezeReason), Recheck: string(cmp.Or(d.Recheck, zonehold.RecheckKeep)),
		Proof: api.Presence{
			Present: d.State.Verified() && !d.SeenAt.IsZero() && d.MissingSince.IsZero(),
			SeenAt:  when(d.SeenAt), MissingSince: when(d.MissingSince),
		},
		Proofs: proofs(d.Proofs()), ScansAllowed: d.ScansAllowed, ScansReason: text(d.ScansReason),
		Challenges: Challenges(d.Challenges), Problem: Problem(d.Problem),
		LastAttemptID: text(d.LastAttemptID), DiscoveryEnabled: d.DiscoveryEnabled, Tags: list(d.Tags),
		CreatedAt: d.CreatedAt.UTC(), UpdatedAt: d.UpdatedAt.UTC(),
	}
	if d.Running != nil {
		out.RunningAttemptID = text(d.Running.ID)
	}
	if d.DNSHost != nil {
		out.DNSHost = &api.DNSHost{Name: d.DNSHost.Name, ControlPanelURL: text(d.DNSHost.ControlPanelURL)}
	}
	return out
}

func proofs(list []zonehold.Proof) []api.Proof {
	out := make([]api.Proof, len(list))
	for i, p := range list {
		out[i] = api.Proof{
			Method: string(p.Method), Assurance: string(p.Assurance), Covers: string(p.Covers), ProvedAt: when(p.ProvedAt),
			SeenAt: when(p.SeenAt), MissingSince: when(p.MissingSince), Leading: i == 0,
		}
	}
	return out
}

// Challenges gives challenges the form they have on the wire.
func Challenges(list []zonehold.Challenge) []api.Challenge {
	out := make([]api.Challenge, 0, len(list))
	for _, c := range list {
		out = append(out, toChallenge(c))
	}
	return out
}

func toChallenge(c zonehold.Challenge) api.Challenge {
	out := api.Challenge{
		Method: string(c.Method), Applicable: c.Applicable, Reason: text(c.Reason), Automatic: c.Automatic,
		Token: text(c.Token), ExpiresAt: when(c.ExpiresAt), Proves: string(c.Proves), Covers: string(c.Covers),
	}
	if r := c.Record; r != nil {
		out.Record = &api.Record{Type: r.Type, Name: r.Name, RelativeName: r.RelativeName, Value: r.Value, TTL: r.TTL}
	}
	if f := c.File; f != nil {
		out.File = &api.File{Path: f.Path, URLs: list(f.URLs), Content: f.Content}
	}
	if t := c.Tag; t != nil {
		out.Tag = &api.Tag{Name: t.Name, Content: t.Content, HTML: t.HTML}
	}
	return out
}

// Problem gives a problem the form it has on the wire; nil stays nil.
func Problem(p *problem.Problem) *api.Problem {
	if p == nil {
		return nil
	}
	return &api.Problem{
		Code: string(p.Code), Severity: string(p.Severity), Title: p.Title, LookedFor: text(p.LookedFor),
		Found: text(p.Found), Fixes: list(p.Fixes), SeeItYourself: text(p.SeeItYourself), WhoActs: string(p.WhoActs),
		RetryAfterSeconds: number(p.RetryAfterSeconds), DocsURL: p.DocsURL,
	}
}

// Problems gives notes the form they have on the wire.
func Problems(list []problem.Problem) []api.Problem {
	out := make([]api.Problem, 0, len(list))
	for i := range list {
		out = append(out, *Problem(&list[i]))
	}
	return out
}

func toAttempt(a *app.Attempt) api.Attempt {
	out := api.Attempt{
		ID: a.ID, DomainID: a.DomainID, Method: text(a.Method), Trigger: string(a.Trigger), State: string(a.State),
		Outcome: text(a.Outcome), Problem: Problem(a.Problem), Notes: Problems(a.Notes),
		Steps: Steps(a.Steps), CreatedAt: a.CreatedAt.UTC(), StartedAt: when(a.StartedAt),
		FinishedAt: when(a.FinishedAt),
	}
	if !a.StartedAt.IsZero() && !a.FinishedAt.IsZero() {
		ms := max(a.FinishedAt.Sub(a.StartedAt), 0).Milliseconds()
		out.DurationMS = &ms
	}
	return out
}

// Steps gives the steps of a check the form they have on the wire.
func Steps(list []zonehold.Step) []api.Step {
	out := make([]api.Step, 0, len(list))
	for _, s := range list {
		out = append(out, api.Step{
			Name: s.Name, Target: s.Target, StartedAt: s.StartedAt.UTC(), DurationMS: s.Duration.Milliseconds(), Result: s.Result, OK: s.OK,
		})
	}
	return out
}

// Entry gives a row of the catalogue the form it has on the wire.
func Entry(e problem.Entry) api.Entry {
	return api.Entry{
		Code: string(e.Code), Area: e.Area, Severity: string(e.Severity), WhoActs: string(e.WhoActs),
		RetryAfterSeconds: number(e.RetryAfterSeconds), Title: e.Title, Meaning: e.Meaning, LookedFor: text(e.LookedFor),
		Found: text(e.Found), Fixes: list(e.Fixes), SeeItYourself: text(e.SeeItYourself), DocsURL: problem.DocsURL(e.Code),
	}
}

func toEvent(e zonehold.Event) api.Event {
	data := e.Data
	if len(data) == 0 {
		data = []byte("{}")
	}
	return api.Event{ID: e.ID, Seq: e.Seq, Type: string(e.Type), Timestamp: e.CreatedAt.UTC(), DomainID: text(e.DomainID), Data: data}
}

func words(scopes []zonehold.Scope) []string {
	out := make([]string, len(scopes))
	for i, s := range scopes {
		out[i] = string(s)
	}
	return out
}

func toToken(t auth.Token) api.Token {
	return api.Token{
		ID: t.ID, Name: t.Name, Prefix: t.Prefix, Scopes: words(t.Scopes), CreatedAt: t.CreatedAt.UTC(),
		LastUsedAt: when(t.LastUsedAt), RevokedAt: when(t.RevokedAt),
	}
}

func toPage[A, B any](p app.Page[A], convert func(A) B) api.Page[B] {
	out := api.Page[B]{Items: make([]B, 0, len(p.Items)), NextCursor: text(p.NextCursor)}
	for _, it := range p.Items {
		out.Items = append(out.Items, convert(it))
	}
	return out
}
