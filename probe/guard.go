package probe

import (
	"errors"
	"net/netip"
)

// ErrForbidden says that the guard does not let us contact an address. Its
// text never tells why, so that it cannot be used to map an internal network
// (threat T14).
var ErrForbidden = errors.New("address not allowed")

// GuardConfig widens or narrows the built-in policy. Deny wins over Allow. A
// prefix of IPv4 addresses may be written in its IPv4-mapped form as well.
type GuardConfig struct {
	Allow []netip.Prefix // contacted although special-purpose
	Deny  []netip.Prefix // refused although public
}

// Guard decides which addresses may be contacted. The zero Guard, and a nil
// one, apply the built-in tables.
type Guard struct{ cfg GuardConfig }

// NewGuard returns a guard with cfg on top of the built-in tables.
func NewGuard(cfg GuardConfig) *Guard {
	return &Guard{cfg: GuardConfig{Allow: unmapped(cfg.Allow), Deny: unmapped(cfg.Deny)}}
}

// Check returns nil, or ErrForbidden (possibly wrapped). It judges an
// IPv4-mapped address as the IPv4 address, refuses every address with a zone,
// and lets a translated or tunnelled address pass only if the IPv4 address
// inside may pass too.
func (g *Guard) Check(addr netip.Addr) error {
	if !addr.IsValid() || addr.Zone() != "" {
		return ErrForbidden
	}
	addr = addr.Unmap()
	if !g.allows(addr) {
		return ErrForbidden
	}
	for _, inner := range embedded4(addr) {
		if !g.allows(inner) {
			return ErrForbidden
		}
	}
	return nil
}

func (g *Guard) allows(addr netip.Addr) bool {
	if g == nil {
		return isPublic(addr)
	}
	if contains(g.cfg.Deny, addr) {
		return false
	}
	return contains(g.cfg.Allow, addr) || isPublic(addr)
}

func contains(prefixes []netip.Prefix, addr netip.Addr) bool {
	for _, p := range prefixes {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// unmapped copies prefixes, turning those of IPv4-mapped addresses into plain
// IPv4: addresses are unmapped before they are judged, and netip never matches
// across the two forms.
func unmapped(prefixes []netip.Prefix) []netip.Prefix {
	out := make([]netip.Prefix, 0, len(prefixes))
	for _, p := range prefixes {
		if p.Addr().Is4In6() && p.Bits() >= 96 {
			p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
		}
		out = append(out, p)
	}
	return out
}
