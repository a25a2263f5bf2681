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
	if c.DNSRootHints != "" {
		if st, err := os.Stat(c.DNSRootHints); err != nil {
			fail("dns_root_hints", "the file cannot be read: "+err.Error())
		} else if st.IsDir() {
			fail("dns_root_hints", "is a folder; give the file itself")
		}
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
