package config

import (
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"strings"
)

func isURL(v string) bool {
	return strings.HasPrefix(v, "http://") || strings.HasPrefix(v, "https://")
}

// parseHostPort admits a host name or an address, with a port or without.
func parseHostPort(v string) (string, error) {
	const form = "write a host such as whois.iana.org, with a port if it is not the usual one"
	host := v
	if h, port, err := net.SplitHostPort(v); err == nil && !strings.Contains(port, "/") {
		if _, err := parsePort(port); err != nil {
			return "", err
		}
		host = h
	} else if inner, ok := strings.CutPrefix(v, "["); ok {
		host = strings.TrimSuffix(inner, "]")
	}
	if a, err := netip.ParseAddr(host); err == nil && a.Zone() == "" {
		return v, nil
	}
	if strings.Trim(strings.ToLower(host), "abcdefghijklmnopqrstuvwxyz0123456789-._") != "" || strings.Trim(host, ".") == "" || len(host) > 253 {
		return "", fmt.Errorf("%s, not %q", form, clip(v))
	}
	return v, nil
}

// parseBaseURL admits the base URL of an API, or nothing.
func parseBaseURL(v string) (string, error) {
	if v == "" {
		return "", nil
	}
	u, err := url.Parse(v)
	if err != nil || !isURL(v) || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return "", errors.New("write the base URL alone, e.g. https://api.example.com/v4 (no user, query or fragment)")
	}
	return strings.TrimRight(v, "/"), nil
}

// parseURLOrFile admits an http or https URL; anything else is a path.
func parseURLOrFile(v string) (string, error) {
	if !isURL(v) {
		if scheme, _, ok := strings.Cut(v, "://"); ok {
			return "", fmt.Errorf("%q is not a scheme for this; write an https URL, or the path of a file", clip(scheme))
		}
		return parsePathOrEmpty(v)
	}
	u, err := url.Parse(v)
	if err != nil || u.Hostname() == "" || u.User != nil || u.Fragment != "" {
		return "", errors.New("write an https URL without a user or fragment, or the path of a file")
	}
	return v, nil
}

// parseSMTPURL admits smtp and smtps URLs. No error shows the value, which
// may hold a password.
func parseSMTPURL(v string) (string, error) {
	if v == "" {
		return "", nil
	}
	u, err := url.Parse(v)
	if err != nil || u.Scheme != "smtp" && u.Scheme != "smtps" || u.Hostname() == "" || u.Path != "" && u.Path != "/" || u.Fragment != "" {
		return "", errors.New("write smtp://user:password@host:587 or smtps://user:password@host:465; characters such as @ or / in the password are percent-encoded")
	}
	if p := u.Port(); p != "" {
		if _, err := parsePort(p); err != nil {
			return "", err
		}
	}
	return v, nil
}

// parseMailFrom admits one bare address, or nothing.
func parseMailFrom(v string) (string, error) {
	if v == "" {
		return "", nil
	}
	a, err := mail.ParseAddress(v)
	if err != nil || a.Address != v {
		return "", fmt.Errorf("%q is not a bare mail address; write e.g. zonehold@example.com", clip(v))
	}
	return v, nil
}

func parseSwitch(v string) (bool, error) {
	w, err := parseWord(v, "on", "off")
	return w == "on", err
}
