package main

import (
	"os"
	"os/user"

	"github.com/zonehold/zonehold"
)

// self is who runs a command on the server's own data, for the audit log: the
// user of the operating system and the machine stand for the address.
func self() zonehold.Actor {
	name := "uid unknown"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	if host, err := os.Hostname(); err == nil {
		name += "@" + host
	}
	return zonehold.Actor{Scopes: []zonehold.Scope{zonehold.ScopeOperator}, Address: clean(name)}
}
