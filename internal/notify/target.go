package notify

import (
	"errors"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/zonehold/zonehold"
)

// maxTarget bounds the URL of a webhook, in bytes.
const maxTarget = 1024

// Targets judges the URLs of webhooks.
type Targets struct {
	// Check is nil for addresses that may be contacted.
	Check func(netip.Addr) error
	// Open are the addresses that the operator allows beside public ones: at
	// any port, and over plain http as well.
	Open []netip.Prefix
}

// Errors of Targets.Parse are for the one who typed the URL.
var (
	errTargetForm    = errors.New("this is no URL of the form https://host/path")
	errTargetScheme  = errors.New("webhooks go to https:// only")
	errTargetPort    = errors.New("webhooks go to port 443 only")
	errTargetUser    = errors.New("a URL with a user name or a password in it is not taken; the signature tells the receiver that we sent it")
	errTargetPart    = errors.New("the part after # is never sent; leave it out")
	errTargetLong    = errors.New("a URL has at most 1024 bytes")
	errTargetHost    = errors.New("this is not the name of a host")
	errTargetAddress = errors.New("this address is not one that webhooks may be sent to")
)

// NewSecret makes a secret of 32 random bytes.
func (Targets) NewSecret() string { return NewSecret() }

// Parse checks a URL as typed and writes it in one form. What the name
// resolves to is judged at each delivery; an address in the URL is judged now.
func (t Targets) Parse(typed string) (string, error) {
	typed = strings.TrimSpace(typed)
	if len(typed) > maxTarget {
		return "", errTargetLong
	}
	u, err := url.Parse(typed)
	if err != nil || u.Opaque != "" || u.Host == "" {
		return "", errTargetForm
	}
	switch {
	case u.User != nil:
		return "", errTargetUser
	case u.Fragment != "" || strings.Contains(typed, "#"):
		return "", errTargetPart
	case u.Scheme != "https" && (u.Scheme != "http" || len(t.Open) == 0):
		return "", errTargetScheme
	}
	port := 0
	if text := u.Port(); text != "" || strings.HasSuffix(u.Host, ":") {
		if port, err = strconv.Atoi(text); err != nil || port < 1 || port > 65535 {
			return "", errTargetForm
		}
	}
	usual := u.Scheme == "https" && (port == 0 || port == 443)
	host := u.Hostname()
	if addr, err := netip.ParseAddr(host); err == nil {
		addr = addr.Unmap()
		if addr.Zone() != "" || t.Check(addr) != nil {
			return "", errTargetAddress
		}
		if !usual && !t.open(addr) {
			if u.Scheme != "https" {
				return "", errTargetScheme
			}
			return "", errTargetPort
		}
		if host = addr.String(); addr.Is6() {
			host = "[" + host + "]"
		}
	} else {
		name, err := zonehold.ParseHostname(host)
		if err != nil {
			return "", errTargetHost
		}
		if !usual && len(t.Open) == 0 {
			return "", errTargetPort
		}
		host = string(name)
	}
	u.Host = host
	if port != 0 && !(u.Scheme == "https" && port == 443) && !(u.Scheme == "http" && port == 80) {
		u.Host += ":" + strconv.Itoa(port)
	}
	if u.Path == "" {
		u.Path = "/"
	}
	return u.String(), nil
}

func (t Targets) open(addr netip.Addr) bool {
	for _, p := range t.Open {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}
