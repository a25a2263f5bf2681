package webmaster

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/zonehold/zonehold"
)

// host is what the dialect calls a host: scheme, name and port. Its parts
// are canonical and the port is never 0.
type host struct {
	scheme string
	name   zonehold.Hostname
	port   uint16
}

func defaultPort(scheme string) uint16 {
	if scheme == "https" {
		return 443
	}
	return 80
}

// hostOf names the host of a claim.
func hostOf(d zonehold.Domain) host {
	h := host{scheme: d.Scheme, name: d.Hostname, port: d.Port}
	if h.port == 0 {
		h.port = defaultPort(h.scheme)
	}
	return h
}

// id is the host id, "http:xn--d1acpjx3f.xn--p1ai:80".
func (h host) id() string {
	return h.scheme + ":" + string(h.name) + ":" + strconv.Itoa(int(h.port))
}

// asciiURL leaves out a default port and ends in a slash, because clients
// compare it (rule 11).
func (h host) asciiURL() string { return h.url(string(h.name)) }

func (h host) unicodeURL() string { return h.url(h.name.Unicode()) }

func (h host) url(name string) string {
	if h.port != defaultPort(h.scheme) {
		name += ":" + strconv.Itoa(int(h.port))
	}
	return h.scheme + "://" + name + "/"
}

// Bounds of a host id and a host URL in bytes: no valid one is longer.
const (
	maxHostID  = 1100
	maxHostURL = 2048
)

// parseHostID reads a decoded host id. Upper case and Unicode names are taken
// for their canonical form (rule 2); the port must be there.
func parseHostID(s string) (host, bool) {
	if len(s) > maxHostID {
		return host{}, false
	}
	scheme, rest, ok := strings.Cut(s, ":")
	if !ok {
		return host{}, false
	}
	i := strings.LastIndexByte(rest, ':')
	if i < 0 {
		return host{}, false
	}
	h := host{scheme: strings.ToLower(scheme)}
	if h.scheme != "http" && h.scheme != "https" {
		return host{}, false
	}
	if h.port, ok = parsePort(rest[i+1:]); !ok {
		return host{}, false
	}
	name, err := zonehold.ParseHostname(rest[:i])
	if err != nil {
		return host{}, false
	}
	h.name = name
	return h, true
}

// parsePort reads 1 to 65535 in its only decimal form.
func parsePort(s string) (uint16, bool) {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil || n == 0 || strconv.FormatUint(n, 10) != s {
		return 0, false
	}
	return uint16(n), true
}

// parseHost reads what a client adds: "https://example.com/", or a bare host
// name, which means http (contract section 5). A refusal says what to change and
// is safe to show; it is "" when there is none.
func parseHost(s string) (h host, refusal string) {
	s = strings.Trim(s, " \t\r\n")
	switch {
	case s == "":
		return host{}, "The address of the site is empty. Give it as https://example.com/."
	case len(s) > maxHostURL:
		return host{}, fmt.Sprintf("The address of the site is too long, %d bytes. Give only scheme and host, as in https://example.com/.", len(s))
	case !utf8.ValidString(s):
		return host{}, "The address of the site is not valid UTF-8."
	}
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok {
		scheme, rest = "http", s
	}
	h.scheme = strings.ToLower(scheme)
	if h.scheme != "http" && h.scheme != "https" {
		return host{}, "Only sites on http and https can be added. Give the address as https://example.com/."
	}
	authority := rest
	if i := strings.IndexAny(rest, `/\?#`); i >= 0 {
		if rest[i:] != "/" {
			return host{}, "Rights are verified for a whole site. Give only scheme and host, as in https://example.com/, without a path or a query."
		}
		authority = rest[:i]
	}
	if strings.Contains(authority, "@") {
		return host{}, "The address of a site has no user name or password. Give it as https://example.com/."
	}
	h.port = defaultPort(h.scheme)
	if !strings.ContainsAny(authority, "[]") && strings.Count(authority, ":") == 1 {
		var port string
		authority, port, _ = strings.Cut(authority, ":")
		if h.port, ok = parsePort(port); !ok {
			return host{}, "The port of the address is not a number from 1 to 65535."
		}
	}
	name, err := zonehold.ParseHostname(authority)
	if err == nil {
		err = name.CheckClaim()
	}
	if err != nil {
		return host{}, hostnameRefusal(err)
	}
	h.name = name
	return h, ""
}

// hostnameRefusal words why a name is refused.
func hostnameRefusal(err error) string {
	if e, ok := errors.AsType[*zonehold.HostnameError](err); ok {
		return fmt.Sprintf("%s cannot be the host of a site: %s", e.Input, e.Detail)
	}
	return "This name cannot be the host of a site."
}
