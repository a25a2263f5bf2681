package webmaster

import (
	"errors"
	"net/http"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/app"
)

// user is row 1.
func (c *call) user() (reply, error) {
	return ok(userBody{UserID: c.actor.Account.Number})
}

// listHosts is row 2: every host of this dialect. Claims without a scheme are
// no hosts.
func (c *call) listHosts() (reply, error) {
	page, err := c.service.Domains(c.r.Context(), c.actor, app.DomainQuery{Profile: zonehold.ProfileYandex, Limit: -1})
	if err != nil {
		return reply{}, c.hostFailure(err)
	}
	body := hostsBody{Hosts: []hostItem{}}
	for _, d := range page.Items {
		if d.Scheme == "" {
			continue
		}
		h := hostOf(d.Domain)
		body.Hosts = append(body.Hosts, hostItem{
			HostID:         h.id(),
			ASCIIHostURL:   h.asciiURL(),
			UnicodeHostURL: h.unicodeURL(),
			Verified:       d.State.Verified(),
		})
	}
	return ok(body)
}

// addHost is row 3. A host that is there already is a 409 with its id, which
// clients take for success (rule 14).
func (c *call) addHost() (reply, error) {
	raw, f, err := readBody(c.w, c.r)
	if err != nil {
		return reply{}, err
	}
	hostURL, err := parseField(raw, f, "host_url")
	if err != nil {
		return reply{}, err
	}
	h, why := parseHost(hostURL)
	if why != "" {
		return reply{}, errInvalidURL(app.OneLine(why, maxMessage))
	}
	c.host = h
	d, created, err := c.service.CreateDomain(c.r.Context(), c.actor, app.CreateDomain{
		Hostname: string(h.name),
		Scheme:   h.scheme,
		Port:     int(h.port),
		Profile:  zonehold.ProfileYandex,
	})
	if e, ok := errors.AsType[*app.Error](err); ok && (e.Kind == app.KindInvalid || e.Kind == app.KindRefused) {
		return reply{}, errInvalidURL(refusal(e))
	}
	if err != nil {
		return reply{}, c.hostFailure(err)
	}
	id := hostOf(d.Domain).id()
	if !created {
		return reply{}, errAlreadyAdded(id, d.State.Verified())
	}
	return reply{http.StatusCreated, addedBody{HostID: id}}, nil
}

// refusal words why a host cannot be added.
func refusal(e *app.Error) string {
	if e.Message == "" && e.Problem != nil {
		return explain(e.Problem.Title, e.Problem.Found, e.Problem.Fixes)
	}
	return app.OneLine(e.Message, maxMessage)
}

// find looks up the host of the path.
func (c *call) find() (*app.Domain, error) {
	d, err := c.service.Host(c.r.Context(), c.actor, c.host.scheme, string(c.host.name), c.host.port)
	if err != nil {
		return nil, c.hostFailure(err)
	}
	return d, nil
}

// findVerified is find for resources that only verified hosts have.
func (c *call) findVerified() (*app.Domain, error) {
	d, err := c.find()
	if err != nil {
		return nil, err
	}
	if !d.State.Verified() {
		return nil, errHostNotVerified(c.host.id())
	}
	return d, nil
}

// showHost is row 4.
func (c *call) showHost() (reply, error) {
	d, err := c.find()
	if err != nil {
		return reply{}, err
	}
	h := hostOf(d.Domain)
	body := hostBody{
		HostID:          h.id(),
		Verified:        d.State.Verified(),
		ASCIIHostURL:    h.asciiURL(),
		UnicodeHostURL:  h.unicodeURL(),
		HostDisplayName: h.name.Unicode(),
	}
	if body.Verified {
		status := "NOT_INDEXED" // nothing is indexed here
		body.HostDataStatus = &status
	}
	return ok(body)
}

// deleteHost is row 5. A running verification does not hinder it.
func (c *call) deleteHost() (reply, error) {
	d, err := c.find()
	if err != nil {
		return reply{}, err
	}
	if err := c.service.DeleteDomain(c.r.Context(), c.actor, d.ID, 0); err != nil {
		return reply{}, c.hostFailure(err)
	}
	return reply{status: http.StatusNoContent}, nil
}

// owners is row 8: the accounts that have proved their rights to this host.
// Only an owner may see the others and their codes.
func (c *call) owners() (reply, error) {
	d, err := c.findVerified()
	if err != nil {
		return reply{}, err
	}
	owners, err := c.service.Owners(c.r.Context(), c.actor, d)
	if err != nil {
		return reply{}, c.hostFailure(err)
	}
	body := ownersBody{Users: []ownerItem{}}
	for _, o := range owners {
		// The tokens of another profile are no codes of this dialect.
		if o.Domain.Profile != zonehold.ProfileYandex {
			continue
		}
		body.Users = append(body.Users, ownerItem{
			UserLogin:        o.Account.Name,
			VerificationUIN:  uin(o.Domain),
			VerificationType: c.version.name(o.Domain.Method).kind,
			VerificationDate: dateTime(o.VerifiedAt),
		})
	}
	return ok(body)
}

// summary is row 9. There are no search statistics here; clients ask for them
// first thing once a host is verified.
func (c *call) summary() (reply, error) {
	if _, err := c.findVerified(); err != nil {
		return reply{}, err
	}
	return ok(summaryBody{})
}
