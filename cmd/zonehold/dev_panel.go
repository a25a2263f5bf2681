package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/problem"
	"github.com/zonehold/zonehold/testnet"
)

// devPanel is the control panel of the fake internet, as a DNS host and a web
// host would offer one: records and pages, over HTTP below /dev/.
type devPanel struct{ net *testnet.Network }

// devRecord is one record; Name is a full name.
type devRecord struct {
	Name   string   `json:"name"`
	Type   string   `json:"type"`
	Values []string `json:"values"`
	Server string   `json:"server,omitempty"` // only on this name server
}

// devPage is one page of a host; the empty path answers everything else.
type devPage struct {
	Host        string `json:"host"`
	Path        string `json:"path"`
	Status      int    `json:"status"`
	ContentType string `json:"content_type"`
	Body        string `json:"body"`
}

func (p *devPanel) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /dev/records", p.list)
	mux.HandleFunc("POST /dev/records", p.change(func(z *testnet.Zone, r devRecord) error {
		if len(r.Values) == 0 {
			return fmt.Errorf("a record needs a value")
		}
		if r.Server != "" {
			return addOnly(z, r)
		}
		return z.AddRecord(r.Name+".", r.Type, 0, r.Values...)
	}))
	mux.HandleFunc("POST /dev/records/remove", p.change(func(z *testnet.Zone, r devRecord) error {
		z.Remove(r.Name+".", r.Type)
		return nil
	}))
	mux.HandleFunc("POST /dev/pages", p.page)
	return http.NewCrossOriginProtection().Handler(mux)
}

func (p *devPanel) list(w http.ResponseWriter, r *http.Request) {
	records := []devRecord{}
	for _, z := range p.net.Zones() {
		if !ownable(z) {
			continue
		}
		for _, rec := range z.Records() {
			if rec.Type == "SOA" {
				continue
			}
			records = append(records, devRecord{Name: rec.Name, Type: rec.Type, Values: rec.Values, Server: rec.Server})
		}
	}
	writeDev(w, http.StatusOK, records)
}

// change decodes a record, finds its zone and applies fn.
func (p *devPanel) change(fn func(*testnet.Zone, devRecord) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var rec devRecord
		if !readDev(w, r, &rec) {
			return
		}
		rec.Name = strings.ToLower(strings.TrimSuffix(rec.Name, "."))
		rec.Type = strings.ToUpper(rec.Type)
		zone, err := p.zone(rec.Name)
		if err == nil {
			err = fn(zone, rec)
		}
		if err != nil {
			writeDev(w, http.StatusUnprocessableEntity, map[string]string{"error": problem.Clean(err.Error(), 200)})
			return
		}
		writeDev(w, http.StatusOK, rec)
	}
}

// ownable leaves out the root and the top-level domains: they are nobody's.
func ownable(z *testnet.Zone) bool { return strings.Contains(strings.Trim(z.Name(), "."), ".") }

// addOnly publishes a record on one server of the zone.
func addOnly(z *testnet.Zone, r devRecord) error {
	var names []string
	for _, s := range z.Servers() {
		if s.Name() == r.Server {
			return s.AddOnlyRecord(r.Name+".", r.Type, r.Values...)
		}
		names = append(names, s.Name())
	}
	return fmt.Errorf("%s is not a name server of %s; those are %s", r.Server, z.Name(), strings.Join(names, ", "))
}

// zone is the deepest zone above name, made for its registrable domain if
// there is none.
func (p *devPanel) zone(name string) (*testnet.Zone, error) {
	var best *testnet.Zone
	for _, z := range p.net.Zones() {
		if ownable(z) && (name == z.Name() || strings.HasSuffix(name, "."+z.Name())) {
			if best == nil || len(z.Name()) > len(best.Name()) {
				best = z
			}
		}
	}
	if best != nil {
		return best, nil
	}
	labels := strings.Split(name, ".")
	for len(labels) > 2 && strings.HasPrefix(labels[0], "_") {
		labels = labels[1:]
	}
	host, err := zonehold.ParseHostname(strings.Join(labels, "."))
	if err != nil {
		return nil, err
	}
	registrable, ok := host.Registrable()
	if !ok {
		return nil, fmt.Errorf("%s is a public suffix; add a record below it", host)
	}
	return p.net.Zone(registrable), nil
}

func (p *devPanel) page(w http.ResponseWriter, r *http.Request) {
	var page devPage
	if !readDev(w, r, &page) {
		return
	}
	host, err := zonehold.ParseHostname(page.Host)
	switch {
	case err != nil:
	case page.Path != "" && !strings.HasPrefix(page.Path, "/"):
		err = fmt.Errorf("the path begins with a slash")
	case page.Status != 0 && (page.Status < 200 || page.Status > 599):
		err = fmt.Errorf("the status is between 200 and 599")
	default:
		_, err = p.zone(string(host))
	}
	if err != nil {
		writeDev(w, http.StatusUnprocessableEntity, map[string]string{"error": problem.Clean(err.Error(), 200)})
		return
	}
	if page.Status == 0 {
		page.Status = http.StatusOK
	}
	if page.ContentType == "" {
		page.ContentType = "text/plain; charset=utf-8"
		if strings.HasSuffix(page.Path, ".html") || page.Path == "/" {
			page.ContentType = "text/html; charset=utf-8"
		}
	}
	p.net.Host(string(host)).Page(page.Path, page.Status, page.ContentType, page.Body)
	writeDev(w, http.StatusOK, page)
}

func readDev(w http.ResponseWriter, r *http.Request, v any) bool {
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		writeDev(w, http.StatusBadRequest, map[string]string{"error": "the body is not the JSON object that is expected"})
		return false
	}
	return true
}

func writeDev(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.Encode(v)
}
