package app

import (
	"encoding/json"
	"slices"

	"github.com/zonehold/zonehold/diagnose"
)

// served is what is kept of who serves a domain's zone: the provider for
// show, and the name servers, so that a record left at a former provider is
// found there.
type served struct {
	Name            string   `json:"name,omitempty"`
	ControlPanelURL string   `json:"control_panel_url,omitempty"`
	Servers         []string `json:"servers,omitempty"`
	Former          []string `json:"former,omitempty"` // the latest first
}

const maxServed = 8 // names of each kind

// servedBy takes it from a report; nil when the report knows nothing of it.
func servedBy(r diagnose.Report) *served {
	var s served
	if r.DNSHost != nil {
		s.Name, s.ControlPanelURL = r.DNSHost.Name, r.DNSHost.ControlPanelURL
	}
	if len(r.Evidence.Lookups) > 0 {
		if hops := r.Evidence.Lookups[0].Hops; len(hops) > 0 && hops[0].Zone != nil {
			for _, ns := range hops[0].Zone.Servers {
				s.Servers = append(s.Servers, ns.Name)
			}
		}
	}
	s.Servers = s.Servers[:min(len(s.Servers), maxServed)]
	if s.Name == "" && len(s.Servers) == 0 {
		return nil
	}
	return &s
}

// readServed is what was kept; what cannot be read counts as nothing.
func readServed(stored json.RawMessage) (s served) {
	if stored != nil {
		_ = json.Unmarshal(stored, &s)
	}
	return s
}

// after joins what a check saw with what was kept before: servers that are
// not in charge any more become former ones.
func (s served) after(stored json.RawMessage) json.RawMessage {
	before := readServed(stored)
	if len(s.Servers) == 0 { // a check that asked no name server
		s.Servers, s.Former = before.Servers, before.Former
	} else {
		for _, name := range append(before.Servers, before.Former...) {
			if !slices.Contains(s.Servers, name) && !slices.Contains(s.Former, name) && len(s.Former) < maxServed {
				s.Former = append(s.Former, name)
			}
		}
	}
	doc, _ := json.Marshal(s) // texts only
	return doc
}
