// Package notify tells people what happened, by mail through the operator's
// relay.
package notify

import (
	"errors"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// Relay is where outgoing mail is handed over.
type Relay struct {
	Host           string
	Port           uint16
	User, Password string // "": nobody signs in
	TLS            bool   // from the first byte, else by STARTTLS
	Plain          bool   // no encryption at all; only to this very machine
}

// ParseRelay reads a URL of the forms of contract config:
//
//	smtp://user:password@host:port   STARTTLS is required, also if the host
//	                                 does not offer it; default port 587
//	smtps://user:password@host:port  TLS at once; default port 465
//	smtp://127.0.0.1:25?starttls=never
//	                                 no encryption, to loopback only
//
// To loopback STARTTLS is used where it is offered. No error quotes the URL,
// which holds a password.
func ParseRelay(raw string) (Relay, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Opaque != "" || u.Hostname() == "" || u.Path != "" && u.Path != "/" || u.Fragment != "" {
		return Relay{}, errors.New("the URL of the mail relay is not of the form smtp://user:password@host:587")
	}
	r := Relay{Host: u.Hostname(), Port: 587}
	switch u.Scheme {
	case "smtp":
	case "smtps":
		r.Port, r.TLS = 465, true
	default:
		return Relay{}, errors.New("the URL of the mail relay begins with smtp:// or smtps://")
	}
	if p := u.Port(); p != "" {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil || n == 0 {
			return Relay{}, errors.New("the port of the mail relay is not a number from 1 to 65535")
		}
		r.Port = uint16(n)
	}
	if u.User != nil {
		r.User = u.User.Username()
		r.Password, _ = u.User.Password()
		if r.User == "" || r.Password == "" {
			return Relay{}, errors.New("the URL of the mail relay needs a user and a password, or neither")
		}
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return Relay{}, errors.New("the query of the URL of the mail relay cannot be read")
	}
	for key, values := range query {
		if key != "starttls" || r.TLS || len(values) != 1 || values[0] != "never" {
			return Relay{}, errors.New("the URL of the mail relay takes only ?starttls=never, with smtp://")
		}
		if !r.loopback() {
			return Relay{}, errors.New("starttls=never is for a mail relay on this very machine only: name it 127.0.0.1, ::1 or localhost")
		}
		r.Plain = true
	}
	return r, nil
}

// Endpoint is the host:port of the relay, as probe.NewConfigured takes it.
func (r Relay) Endpoint() string { return net.JoinHostPort(r.Host, strconv.Itoa(int(r.Port))) }

// loopback reports whether the relay is this very machine.
func (r Relay) loopback() bool {
	if strings.EqualFold(r.Host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(r.Host)
	return err == nil && addr.Unmap().IsLoopback()
}
