package diagnose

import "strings"

// hostRow recognises a DNS host by the names of its servers.
type hostRow struct {
	// patterns match a whole server name or, with a leading dot, its end. One
	// "*" stands for any run of characters without a dot.
	patterns []string
	host     DNSHost
}

// Host recognises the provider from the names of a zone's servers; nil when
// unknown. The provider of the first recognised name wins only if no other
// name is recognised as somebody else: a zone that is split over two
// providers has no one panel.
func Host(nameServers []string) *DNSHost {
	var found *DNSHost
	for _, ns := range nameServers {
		h := hostOf(ns)
		if h == nil {
			continue
		}
		if found != nil && found.Name != h.Name {
			return nil
		}
		found = h
	}
	return found
}

func hostOf(ns string) *DNSHost {
	ns = strings.TrimSuffix(strings.ToLower(strings.TrimSpace(ns)), ".")
	if ns == "" || len(ns) > 253 {
		return nil
	}
	for i := range dnsHosts {
		for _, p := range dnsHosts[i].patterns {
			if matchHost(p, ns) {
				h := dnsHosts[i].host
				return &h
			}
		}
	}
	return nil
}

// matchHost compares label by label from the right.
func matchHost(pattern, name string) bool {
	open := strings.HasPrefix(pattern, ".")
	ps := strings.Split(strings.TrimPrefix(pattern, "."), ".")
	ns := strings.Split(name, ".")
	if len(ns) < len(ps) || !open && len(ns) != len(ps) || open && len(ns) == len(ps) {
		return false
	}
	ns = ns[len(ns)-len(ps):]
	for i, p := range ps {
		before, after, wild := strings.Cut(p, "*")
		switch {
		case !wild && p != ns[i]:
			return false
		case wild && (len(ns[i]) < len(before)+len(after) || !strings.HasPrefix(ns[i], before) || !strings.HasSuffix(ns[i], after)):
			return false
		}
	}
	return true
}
