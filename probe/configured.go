package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// ErrNotConfigured says that Configured was asked for an endpoint that the
// operator never named.
var ErrNotConfigured = errors.New("not an endpoint of the configuration")

// Configured connects to the few endpoints that the operator wrote into the
// configuration: the base URL of an API, a mail relay. It takes their names,
// asks the system's resolver and applies no guard, because the operator may
// well mean a host inside. Nothing that a user or a stranger says may be an
// endpoint of it.
type Configured struct {
	endpoints map[string]bool
	Timeout   time.Duration // one connect with its look-up; 0: 10 s
}

const defaultConfiguredTimeout = 10 * time.Second

// NewConfigured knows the given endpoints, each written as host:port with a
// port from 1 to 65535. One that is written otherwise is never matched.
func NewConfigured(endpoints ...string) *Configured {
	c := &Configured{endpoints: make(map[string]bool, len(endpoints))}
	for _, e := range endpoints {
		if e, ok := canonicalEndpoint(e); ok {
			c.endpoints[e] = true
		}
	}
	return c
}

// Contains reports whether the operator named the endpoint, whatever the case
// of its letters. It is false on a nil Configured.
func (c *Configured) Contains(endpoint string) bool {
	if c == nil {
		return false
	}
	e, ok := canonicalEndpoint(endpoint)
	return ok && c.endpoints[e]
}

// DialContext connects over "tcp" to an endpoint of the configuration.
//
// Errors: ErrNotConfigured; else what the system says.
func (c *Configured) DialContext(ctx context.Context, network, endpoint string) (net.Conn, error) {
	if network != "tcp" {
		return nil, fmt.Errorf("dialing %s: network %q is not tcp", endpoint, network)
	}
	if !c.Contains(endpoint) {
		return nil, fmt.Errorf("dialing %s: %w", endpoint, ErrNotConfigured)
	}
	nd := net.Dialer{Timeout: c.Timeout}
	if nd.Timeout <= 0 {
		nd.Timeout = defaultConfiguredTimeout
	}
	conn, err := nd.DialContext(ctx, network, endpoint)
	if err != nil {
		return nil, fmt.Errorf("dialing %s: %w", endpoint, err)
	}
	return conn, nil
}

// canonicalEndpoint writes host:port in the one form in which endpoints are
// compared.
func canonicalEndpoint(s string) (string, bool) {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return "", false
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return "", false
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		host = addr.Unmap().String()
	} else {
		host = strings.ToLower(strings.TrimSuffix(host, "."))
	}
	return net.JoinHostPort(host, strconv.FormatUint(n, 10)), host != ""
}
