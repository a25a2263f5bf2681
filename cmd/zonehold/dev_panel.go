package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/problem"
	"github.com/zonehold/zonehold/testnet"
)

// devPanel is the control panel of the fake internet, as a DNS host and a web
// host would offer one: records, pages and mail, over HTTP below /dev/.
type devPanel struct {
	net  *testnet.Network
	mail *testnet.MailServer
}

func newPanel(d *devInternet) *devPanel { return &devPanel{d.Network, d.mail} }

// devMail is a mail that the relay took.
type devMail struct {
	SentAt  time.Time `json:"sent_at"`
	From    string    `json:"from"`
	To      []string  `json:"to"`
	Subject string    `json:"subject"`
	Text    string    `json:"text"`
}

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
		return z.RemoveRecords(r.Name+".", r.Type)
	}))
	mux.HandleFunc("POST /dev/pages", p.page)
	mux.HandleFunc("GET /dev/mails", p.mails)
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

func (p *devPanel) mails(w http.ResponseWriter, r *http.Request) {
	mails := []devMail{}
	for _, m := range p.mail.Mails() {
		mails = append(mails, devMail{SentAt: m.Time.UTC(), From: m.From, To: m.To, Subject: m.Header("Subject"), Text: m.Text()})
	}
	writeDev(w, http.StatusOK, mails)
}

// change decodes a record, finds its zone and applies fn.
func (p *devPanel) change(fn func(*testnet.Zone, devRecord) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var rec devRecord
		if !readDev(w, r, &rec) {
			return
		}
		rec.Type = strings.ToUpper(rec.Type)
		err := p.apply(&rec, fn)
		if err != nil {
			writeDev(w, http.StatusUnprocessableEntity, map[string]string{"error": problem.Clean(err.Error(), 200)})
			return
		}
		writeDev(w, http.StatusOK, rec)
	}
}

// panelTypes are what the panel offers, as panels do.
var panelTypes = []string{"A", "AAAA", "CAA", "CNAME", "MX", "NS", "SRV", "TXT"}

// maxPanelZones bounds zones and hosts: each holds sockets.
const maxPanelZones = 200

// apply finds the zone of a record and applies fn.
func (p *devPanel) apply(rec *devRecord, fn func(*testnet.Zone, devRecord) error) error {
	if !slices.Contains(panelTypes, rec.Type) {
		return fmt.Errorf("this panel has no type %q; it has %s", problem.Clean(rec.Type, 20), strings.Join(panelTypes, ", "))
	}
	name, err := recordName(rec.Name)
	if err != nil {
		return err
	}
	rec.Name = name
	zone, err := p.zone(name)
	if err != nil {
		return err
	}
	return fn(zone, *rec)
}

// recordName is a name that may hold labels which no host has, such as
// _zonehold-challenge.tea.example or *.tea.example.
func recordName(s string) (string, error) {
	name := strings.TrimSuffix(s, ".")
	if strings.Contains(name, `\.`) {
		return "", errors.New("a label with a dot in it is not offered here")
	}
	labels := strings.Split(name, ".")
	last := len(labels) - 2 // the domain itself is a host's name
	if last < 0 {
		return "", fmt.Errorf("%q is not a full name, such as _zonehold-challenge.tea.example", problem.Clean(s, 80))
	}
	domain, err := zonehold.ParseHostname(strings.Join(labels[last:], "."))
	if err != nil {
		return "", err
	}
	for i, label := range labels[:last] {
		if ascii, err := zonehold.ParseHostname(label + ".example"); err == nil {
			labels[i] = strings.TrimSuffix(string(ascii), ".example")
		}
		labels[i] = strings.ToLower(labels[i])
	}
	name = strings.Join(append(labels[:last:last], string(domain)), ".")
	if len(name) > zonehold.MaxHostname || slices.ContainsFunc(labels[:last], func(l string) bool { return l == "" || len(l) > zonehold.MaxLabel }) {
		return "", fmt.Errorf("%q has an empty label, one of more than %d characters, or more than %d in all", problem.Clean(s, 80), zonehold.MaxLabel, zonehold.MaxHostname)
	}
	return name, nil
}

// ownable leaves out the root, the top-level domains and other public
// suffixes: they are nobody's.
func ownable(z *testnet.Zone) bool {
	name := z.Name()
	return strings.Contains(strings.Trim(name, "."), ".") && !zonehold.Hostname(name).IsPublicSuffix()
}

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
	for len(labels) > 2 && (labels[0] == "*" || strings.HasPrefix(labels[0], "_")) {
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
	if len(p.net.Zones()) >= maxPanelZones {
		return nil, fmt.Errorf("this fake internet is full; start it anew")
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
	case len(host) > zonehold.MaxHostname-2:
		err = fmt.Errorf("the name is too long for a host here")
	case len(p.net.Hosts()) >= maxPanelZones:
		err = fmt.Errorf("this fake internet is full; start it anew")
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
	_ = enc.Encode(v) // fails only when nobody is there to read it
}
