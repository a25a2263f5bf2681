package probely

import (
	"net/http"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/app"
)

// find looks up the domain of the path. A claim that was made in another API
// has other proofs in other places, so it is none of this dialect.
func (c *call) find() (*app.Domain, error) {
	if len(c.id) != idLength {
		// The service also finds domains by name, which is no id here.
		return nil, errNotFound()
	}
	d, err := c.service.Domain(c.r.Context(), c.actor, c.id)
	if err != nil {
		return nil, failure(err)
	}
	if d.Profile != zonehold.ProfileProbely || app.ShortID(d.ID) != c.id {
		return nil, errNotFound()
	}
	return d, nil
}

// idLength is that of our ids. Older ones of the vendor can be longer, and
// have characters that are not in the alphabet; they are unknown here.
const idLength = 12

// settings are the fields of a domain that a client can set. Nil: not given.
type settings struct {
	hostname           string // without the port; "": not given
	port               *int
	username, password *string
	discovery          *bool
}

const maxCredential = 255 // characters

// settings reads what clients may set, and leaves out what they may not.
func (in *input) settings(needHostname bool) settings {
	var s settings
	var carried int
	s.hostname, carried, _ = in.hostname(needHostname)
	s.username = in.nullable("basic_auth_username", maxCredential, true)
	s.password = in.nullable("basic_auth_password", maxCredential, false)
	if s.password != nil && *s.password == maskedPassword {
		s.password = nil
	}
	s.port = in.integer("port", 1, maxPort)
	s.discovery = in.boolean("discovery_enabled")
	if carried != 0 {
		if s.port != nil && *s.port != 0 && *s.port != carried {
			in.errs.add("port", "This is not the port in the host name. Give it once.")
		}
		s.port = &carried
	}
	return s
}

func (c *call) readSettings(needHostname bool) (settings, error) {
	in, err := c.read()
	if err != nil {
		return settings{}, err
	}
	s := in.settings(needHostname)
	return s, in.errs.err()
}

// createDomain adds a domain. What proves it without anything being placed is
// looked at before the reply (contract section 2).
func (c *call) createDomain() (reply, error) {
	s, err := c.readSettings(true)
	if err != nil {
		return reply{}, err
	}
	in := app.CreateDomain{Hostname: s.hostname, Profile: zonehold.ProfileProbely}
	if s.port != nil {
		in.Port = *s.port
	}
	if s.username != nil {
		in.BasicAuthUsername = *s.username
	}
	if s.password != nil {
		in.BasicAuthPassword = *s.password
	}
	d, created, err := c.service.CreateDomain(c.r.Context(), c.actor, in)
	if err != nil {
		return reply{}, failure(err)
	}
	if !created {
		text := "domain with this hostname already exists."
		if d.Profile != zonehold.ProfileProbely {
			text += " It was added in another API of this service, and is managed there."
		}
		return reply{}, errField("hostname", text)
	}
	if s.discovery != nil && *s.discovery != d.DiscoveryEnabled {
		if d, err = c.service.UpdateDomain(c.r.Context(), c.actor, d.ID, app.DomainPatch{DiscoveryEnabled: s.discovery}, 0); err != nil {
			return reply{}, failure(err)
		}
	}
	return reply{http.StatusCreated, c.domain(d)}, nil
}

func (c *call) showDomain() (reply, error) {
	d, err := c.find()
	if err != nil {
		return reply{}, err
	}
	return ok(c.domain(d))
}

// changeDomain is PATCH: every field is optional.
func (c *call) changeDomain() (reply, error) { return c.change(false) }

// replaceDomain is PUT. As with DRF, fields that are not required and not
// given stay as they are.
func (c *call) replaceDomain() (reply, error) { return c.change(true) }

func (c *call) change(needHostname bool) (reply, error) {
	d, err := c.find()
	if err != nil {
		return reply{}, err
	}
	s, err := c.readSettings(needHostname)
	if err != nil {
		return reply{}, err
	}
	if s.hostname != "" {
		if name, err := zonehold.ParseHostname(s.hostname); err != nil || name != d.Hostname {
			return reply{}, errField("hostname", "The hostname of a domain cannot be changed, as its proof is about that name. Add the other one and delete this one.")
		}
	}
	d, err = c.service.UpdateDomain(c.r.Context(), c.actor, d.ID, app.DomainPatch{
		Port: s.port, BasicAuthUsername: s.username, BasicAuthPassword: s.password, DiscoveryEnabled: s.discovery,
	}, 0)
	if err != nil {
		return reply{}, failure(err)
	}
	return ok(c.domain(d))
}

func (c *call) deleteDomain() (reply, error) {
	d, err := c.find()
	if err != nil {
		return reply{}, err
	}
	if err := c.service.DeleteDomain(c.r.Context(), c.actor, d.ID, 0); err != nil {
		return reply{}, failure(err)
	}
	return reply{status: http.StatusNoContent}, nil
}
