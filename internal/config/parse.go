package config

import (
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	minInterval = time.Minute
	year        = 8760 * time.Hour
	maxList     = 256 // items of a list
)

// list splits a comma separated list; blanks around items are dropped, empty
// items and duplicates are errors.
func list(v string) ([]string, error) {
	if strings.TrimSpace(v) == "" {
		return nil, nil
	}
	parts := strings.Split(v, ",")
	if len(parts) > maxList {
		return nil, fmt.Errorf("at most %d items", maxList)
	}
	seen := make(map[string]bool, len(parts))
	for i, p := range parts {
		p = strings.TrimSpace(p)
		if p == "" {
			return nil, errors.New("remove the empty item between the commas")
		}
		if seen[p] {
			return nil, fmt.Errorf("%q is listed twice", clip(p))
		}
		seen[p] = true
		parts[i] = p
	}
	return parts, nil
}

// parseEach parses the items of a list; nil when there are none.
func parseEach[T any](v string, parse func(string) (T, error)) ([]T, error) {
	items, err := list(v)
	if err != nil {
		return nil, err
	}
	var out []T
	for _, it := range items {
		t, err := parse(it)
		if err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	return out, nil
}

// clip bounds a value quoted in a message.
func clip(s string) string {
	if len(s) > 80 {
		return strings.ToValidUTF8(s[:80], "") + "…"
	}
	return s
}

func parseListen(v string) (string, error) {
	host, port, err := net.SplitHostPort(v)
	if err != nil {
		return "", fmt.Errorf("write host:port, e.g. 127.0.0.1:8080, or :8080 for every interface, not %q", clip(v))
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || strconv.FormatUint(n, 10) != port {
		return "", fmt.Errorf("the port must be a number from 0 to 65535, not %q", clip(port))
	}
	if strings.ContainsAny(host, " \t/@") {
		return "", fmt.Errorf("%q is not a host or an address", clip(host))
	}
	return v, nil
}

func parsePath(v string) (string, error) {
	if v == "" {
		return "", errors.New("give the path of a folder")
	}
	return parsePathOrEmpty(v)
}

func parsePathOrEmpty(v string) (string, error) {
	if strings.ContainsRune(v, 0) {
		return "", errors.New("a path cannot hold a zero byte")
	}
	return v, nil
}

func parseDatabaseURL(v string) (string, error) {
	if v == "" {
		return "", nil
	}
	u, err := url.Parse(v)
	// The text of err holds the URL, so the password: it is not shown.
	if err != nil || (u.Scheme != "postgres" && u.Scheme != "postgresql") || u.Path == "" && u.RawQuery == "" {
		return "", errors.New("write postgres://user:password@host:5432/database; characters such as @ or / in the password are percent-encoded")
	}
	return v, nil
}

func parseSecretKey(v string) ([]byte, error) {
	if v == "" {
		return nil, nil
	}
	key, err := base64.StdEncoding.Strict().DecodeString(v)
	if err != nil || len(key) != 32 {
		return nil, errors.New("must be 32 bytes in base64; make one with: openssl rand -base64 32")
	}
	return key, nil
}

func parseRoles(v string) ([]Role, error) {
	roles, err := parseEach(v, func(it string) (Role, error) {
		if r := Role(it); r == RoleAPI || r == RoleWorker {
			return r, nil
		}
		return "", fmt.Errorf("%q is not a role; use api, worker or both", clip(it))
	})
	if err == nil && len(roles) == 0 {
		return nil, errors.New("give at least one of api, worker")
	}
	return roles, err
}

func parseResolvers(v string) ([]netip.AddrPort, error) {
	var seen []netip.AddrPort
	return parseEach(v, func(it string) (netip.AddrPort, error) {
		ap, err := parseResolver(it)
		if err == nil && slices.Contains(seen, ap) {
			err = fmt.Errorf("%q is listed twice", clip(it))
		}
		seen = append(seen, ap)
		return ap, err
	})
}

func parseResolver(v string) (netip.AddrPort, error) {
	bare := v
	if strings.HasPrefix(v, "[") && strings.HasSuffix(v, "]") {
		bare = v[1 : len(v)-1]
	}
	if a, err := netip.ParseAddr(bare); err == nil && a.Zone() == "" {
		return netip.AddrPortFrom(a.Unmap(), 53), nil
	}
	ap, err := netip.ParseAddrPort(v)
	if err != nil || ap.Port() == 0 || ap.Addr().Zone() != "" {
		return netip.AddrPort{}, fmt.Errorf("%q is not an address; write 9.9.9.9, 9.9.9.9:53 or [2620:fe::fe]:53 (names are not looked up)", clip(v))
	}
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port()), nil
}

func parsePort(v string) (uint16, error) {
	n, err := strconv.ParseUint(v, 10, 16)
	if err != nil || n == 0 || strconv.FormatUint(n, 10) != v {
		return 0, fmt.Errorf("a port is a number from 1 to 65535, not %q", clip(v))
	}
	return uint16(n), nil
}

func parsePorts(v string) ([]uint16, error) {
	ports, err := parseEach(v, parsePort)
	if err == nil && len(ports) == 0 {
		return nil, errors.New("give at least one port, e.g. 80,443")
	}
	return ports, err
}

func parsePrefixes(v string) ([]netip.Prefix, error) {
	return parseEach(v, func(it string) (netip.Prefix, error) {
		p, err := netip.ParsePrefix(it)
		switch {
		case err != nil:
			return p, fmt.Errorf("%q is not a range; write it as 10.0.0.0/8 or fd00::/8, one address as 10.1.2.3/32", clip(it))
		case p != p.Masked():
			return p, fmt.Errorf("%q has bits set beyond its length; did you mean %s?", clip(it), p.Masked())
		case p.Addr().Is4In6():
			return p, fmt.Errorf("%q is an IPv4 range written as IPv6; write the IPv4 range", clip(it))
		}
		return p, nil
	})
}

func parseDuration(v string, low, high time.Duration) (time.Duration, error) {
	d, err := time.ParseDuration(v)
	if err != nil {
		return 0, fmt.Errorf("%q is not a duration; write e.g. 90s, 30m or 168h (days are hours)", clip(v))
	}
	if d < low || d > high {
		return 0, fmt.Errorf("%s is out of range; it must be from %s to %s", d, low, high)
	}
	return d, nil
}

func parseWord(v string, allowed ...string) (string, error) {
	if !slices.Contains(allowed, v) {
		return "", fmt.Errorf("%q is not known; use %s", clip(v), strings.Join(allowed, " or "))
	}
	return v, nil
}

func parseBool(v string) (bool, error) {
	switch v {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, fmt.Errorf("write true or false, not %q", clip(v))
}

func parseInt(v string, low, high int) (int, error) {
	n, err := strconv.Atoi(v)
	if err != nil || strconv.Itoa(n) != v || n < low || n > high {
		return 0, fmt.Errorf("must be a whole number from %d to %d, not %q", low, high, clip(v))
	}
	return n, nil
}

func parseLevel(v string) (slog.Level, error) {
	switch v {
	case "debug":
		return slog.LevelDebug, nil
	case "info":
		return slog.LevelInfo, nil
	case "warn":
		return slog.LevelWarn, nil
	case "error":
		return slog.LevelError, nil
	}
	return 0, fmt.Errorf("%q is not a level; use debug, info, warn or error", clip(v))
}

// parseZone checks a DNS name by its syntax alone (RFC 1035 section 2.3.4):
// the zone is the operator's own and need not exist.
func parseZone(v string) (string, error) {
	z := strings.ToLower(strings.TrimSuffix(v, "."))
	// A target is <token>.<zone>; 63 octets and a dot are kept for the token.
	if z == "" || len(z) > 189 {
		return "", fmt.Errorf("%q is not a zone of 1 to 189 characters", clip(v))
	}
	for _, label := range strings.Split(z, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' ||
			strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return "", fmt.Errorf("%q is not a DNS name; use letters, digits, - and dots", clip(v))
		}
	}
	return z, nil
}

func parseSecretWord(v string) (string, error) {
	for _, r := range v {
		if r <= ' ' || r >= 0x7f {
			return "", errors.New("must be one word of visible ASCII characters")
		}
	}
	return v, nil
}

func parseServer(v string) (string, error) {
	u, err := url.Parse(v)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return "", errors.New("write the base URL alone, e.g. https://zonehold.example.com (no user, query or fragment)")
	}
	return strings.TrimRight(v, "/"), nil
}

// parseCanaries reads "name" or "name=text".
func parseCanaries(v string) ([]string, error) {
	return parseEach(v, func(s string) (string, error) {
		name, text, found := strings.Cut(s, "=")
		name, err := parseZone(name)
		if err != nil {
			return "", err
		}
		if found && text == "" {
			return "", errors.New("write the text of the TXT record after the equals sign, or leave both out")
		}
		if found {
			name += "=" + text
		}
		return name, nil
	})
}

// parseWordOrEmpty reads a name of at most 200 characters.
func parseWordOrEmpty(v string) (string, error) {
	if v = strings.TrimSpace(v); len(v) > 200 {
		return "", errors.New("that is longer than 200 characters")
	}
	return v, nil
}
