package probely

import (
	"cmp"
	"fmt"
	"strconv"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/app"
)

// domainBody is a Domain (contract section 2), in the vendor's order.
type domainBody struct {
	Hostname           string     `json:"hostname"`
	ID                 string     `json:"id"`
	VerificationToken  string     `json:"verification_token"`
	VerificationDate   *string    `json:"verification_date"`
	VerificationMethod string     `json:"verification_method"`
	LastError          string     `json:"verification_last_error"`
	Verified           bool       `json:"verified"`
	BasicAuthUsername  *string    `json:"basic_auth_username"`
	BasicAuthPassword  *string    `json:"basic_auth_password"`
	Port               *int       `json:"port"`
	DiscoveryEnabled   bool       `json:"discovery_enabled"`
	Source             sourceBody `json:"source"`
}

// sourceBody says where a domain came from; empty texts stand for "by hand".
type sourceBody struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// maskedPassword stands for a password that is kept. Sent back, it changes
// nothing, so that a client can send back a whole object.
const maskedPassword = "********"

func (c *call) domain(d *app.Domain) domainBody {
	b := domainBody{
		Hostname:           string(d.Hostname),
		ID:                 app.ShortID(d.ID),
		VerificationToken:  d.Tokens.TXT, // one value for all methods
		VerificationDate:   dateTime(verifiedOrTried(d)),
		VerificationMethod: methodShown(d),
		LastError:          lastError(d),
		Verified:           d.State.Verified(),
		DiscoveryEnabled:   d.DiscoveryEnabled,
		Source:             c.source(d),
	}
	if d.BasicUser != "" {
		b.BasicAuthUsername = &d.BasicUser
	}
	if d.HasPassword {
		masked := maskedPassword
		b.BasicAuthPassword = &masked
	}
	if d.Port != 0 {
		port := int(d.Port)
		b.Port = &port
	}
	return b
}

// tried is the last attempt that the dialect knows of. What is looked up by
// itself, when a domain is added or later, counts only when it proved
// something: nobody asked for it.
func tried(d *app.Domain) *app.Attempt {
	a := d.LastAttempt
	if a == nil || a.Outcome == "" { // canceled
		return nil
	}
	if a.Outcome == zonehold.OutcomeVerified && d.State == zonehold.StatePending {
		return nil // its proof was about the server at an earlier port
	}
	if a.Outcome == zonehold.OutcomeVerified || requestedBy(a.Trigger) {
		return a
	}
	if a.Trigger == zonehold.TriggerCreate || d.State == zonehold.StatePending {
		return nil
	}
	return a
}

// requestedBy reports whether somebody asked for a check with that trigger.
func requestedBy(t zonehold.Trigger) bool {
	return t == zonehold.TriggerRequest || t == zonehold.TriggerPage
}

// methodShown is that of the proof, while it stands; else of the last attempt.
func methodShown(d *app.Domain) string {
	if d.State.Verified() {
		return methodName(d.Method)
	}
	if a := tried(d); a != nil {
		return methodName(a.Method)
	}
	return ""
}

// verifiedOrTried is when the domain was verified; for one that is not, when
// that was last tried (contract section 5).
func verifiedOrTried(d *app.Domain) time.Time {
	if d.State.Verified() {
		return d.VerifiedAt
	}
	if a := tried(d); a != nil {
		return a.FinishedAt
	}
	return time.Time{}
}

// source is the connection at the provider that proved the domain.
func (c *call) source(d *app.Domain) sourceBody {
	if !d.State.Verified() || d.Method != zonehold.MethodAWSRoute53 && d.Method != zonehold.MethodCloudflare {
		return sourceBody{}
	}
	id := d.ProofSource
	name := c.connectionNames()[id]
	if name == "" {
		name = map[zonehold.Method]string{zonehold.MethodAWSRoute53: "AWS Route 53", zonehold.MethodCloudflare: "Cloudflare"}[d.Method]
	}
	return sourceBody{ID: app.ShortID(id), Name: app.OneLine(name, 255)}
}

func (c *call) connectionNames() map[string]string {
	if c.names != nil || c.connections == nil {
		return c.names
	}
	c.names = map[string]string{}
	all, err := c.connections(c.r.Context(), c.actor)
	if err != nil {
		// The provider's own name will do.
		c.log.DebugContext(c.r.Context(), "probely: reading connections", "err", err)
	}
	for _, con := range all {
		c.names[con.ID] = con.Name
	}
	return c.names
}

// dateTime prints a time as the vendor's service does. A zero time is null.
func dateTime(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	s := t.UTC().Format("2006-01-02T15:04:05.000000Z")
	return &s
}

// Texts of the vendor for a proof that is not there. The one for CNAME is that
// of the library dnspython for a name that does not exist, word for word; so
// the others follow that library too (contract section 5).
const (
	textTokenNotFound = "Token not found"
	textNoName        = "The DNS query name does not exist: %s."
	textNoServer      = "All nameservers failed to answer the query %s: %s"
	textLifetime      = "The resolution lifetime expired after %s seconds: %s"
)

// lastError is verification_last_error: of the last attempt, if it failed.
func lastError(d *app.Domain) string {
	a := tried(d)
	if a == nil {
		return ""
	}
	p := a.Problem
	if a.Outcome == zonehold.OutcomeVerified {
		// What took the proof away since was no attempt, such as a delegation
		// that was withdrawn.
		if d.State.Verified() || d.Problem == nil {
			return ""
		}
		p = d.Problem
	}
	if p == nil {
		return "The domain could not be verified."
	}
	why := explain(p.Title, p.Found)
	name, kind := question(d, a.Method)
	if name == "" {
		return why
	}
	missing := textTokenNotFound
	if kind == "CNAME" {
		missing = fmt.Sprintf(textNoName, name)
	}
	query := name + ". IN " + kind
	found := cmp.Or(app.Sentence(p.Found), app.Sentence(p.Title))
	switch p.Code {
	case "dns_record_missing", "cname_missing":
		return missing
	case "domain_not_registered":
		return fmt.Sprintf(textNoName, name)
	case "dns_timeout", "dns_network_refused":
		return fmt.Sprintf(textLifetime, lifetime(a), found)
	case "dns_servfail", "dns_lame_delegation", "dns_tcp_blocked", "dns_zone_inactive":
		return fmt.Sprintf(textNoServer, query, found)
	}
	// Something else is known: where the record went instead, or what it holds.
	switch {
	case a.Outcome == zonehold.OutcomeAbsent, a.Outcome == zonehold.OutcomeMismatch && kind == "TXT":
		return app.OneLine(app.Sentence(missing)+" "+why, maxText)
	}
	return why
}

// question is what a check by DNS asks for; "" for other methods.
func question(d *app.Domain, m zonehold.Method) (name, kind string) {
	if m != zonehold.MethodDNSTXT && m != zonehold.MethodDNSCNAME {
		return "", ""
	}
	p, _ := zonehold.ProfileByName(d.Profile)
	if m == zonehold.MethodDNSTXT {
		return p.TXTName(d.Hostname), "TXT"
	}
	return p.CNAMEName(d.Hostname, d.Tokens.CNAME), "CNAME"
}

// lifetime is how long an attempt took, in seconds.
func lifetime(a *app.Attempt) string {
	took := time.Duration(0)
	if !a.StartedAt.IsZero() && a.FinishedAt.After(a.StartedAt) {
		took = a.FinishedAt.Sub(a.StartedAt)
	}
	return strconv.FormatFloat(took.Seconds(), 'f', 3, 64)
}
