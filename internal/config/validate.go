package config

import (
	"errors"
	"net"
	"os"
)

// Validate checks what one value alone cannot show. The error joins one
// *Error per fault.
func (c *Config) Validate() error {
	var errs []error
	fail := func(key, message string) {
		errs = append(errs, &Error{Key: key, Origin: c.origins[key], Message: message})
	}
	if c.DatabaseURL == "" && (!c.Has(RoleAPI) || !c.Has(RoleWorker)) {
		fail("roles", "one process does everything on SQLite; set roles to api,worker, or set database_url to share the work over PostgreSQL")
	}
	for _, f := range []struct{ key, path string }{
		{"dns_root_hints", c.DNSRootHints}, {"dns_trust_anchors", c.DNSTrustAnchors}, {"rdap_bootstrap", c.RDAPBootstrap}, {"perspectives", c.Perspectives},
	} {
		if f.path == "" || isURL(f.path) {
			continue
		}
		if st, err := os.Stat(f.path); err != nil {
			fail(f.key, "the file cannot be read: "+err.Error())
		} else if st.IsDir() {
			fail(f.key, "is a folder; give the file itself")
		}
	}
	if c.SMTPURL != "" && c.MailFrom == "" {
		fail("mail_from", "give the address that mail comes from, as smtp_url is set")
	}
	if c.DNSTrustAnchors != "" && len(c.DNSForward) > 0 {
		c.warnings = append(c.warnings, "dns_trust_anchors has no effect with dns_forward: what resolvers answer is not validated here")
	}
	if c.MailFrom != "" && c.SMTPURL == "" {
		c.warnings = append(c.warnings, "mail_from has no effect without smtp_url: mail is off")
	}
	for _, a := range c.EgressAllow {
		if a.Bits() == 0 {
			fail("egress_allow", a.String()+" would switch the address guard off; name the ranges that are needed")
		}
	}
	for _, a := range c.EgressAllow {
		for _, d := range c.EgressDeny {
			if a == d {
				fail("egress_deny", a.String()+" is also in egress_allow; keep it in one of them")
			}
		}
	}
	return errors.Join(errs...)
}

// Unvalidated says why DNS answers are not validated, or "" if they are.
func (c *Config) Unvalidated() string {
	switch {
	case len(c.DNSForward) > 0:
		return "dns_forward is set: what those resolvers answer is believed"
	case c.DNSRootHints != "" && c.DNSTrustAnchors == "":
		return "dns_root_hints is set without dns_trust_anchors"
	}
	return ""
}

// Exposed reports whether the listener can be reached from other machines.
func (c *Config) Exposed() bool {
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return true
	}
	if host == "localhost" {
		return false
	}
	ip := net.ParseIP(host)
	return ip == nil || !ip.IsLoopback()
}
