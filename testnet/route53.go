package testnet

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Route53 speaks the API of Amazon Route 53, version 2013-04-01, as far as
// listing zones and their records goes: it checks signatures (Signature
// Version 4), pages its lists and gives errors as the real one does. It is an
// http.Handler, to be put behind a Host or any HTTP server:
//
//	aws := testnet.NewRoute53().AddKey(testnet.Route53Key{ID: "AKIA…", Secret: "…"})
//	zone := aws.AddZone(testnet.Route53Zone{Name: "example.com"})
//	network.Host("route53.amazonaws.com").Handle("", aws)
type Route53 struct {
	providerAPI
	keys  map[string]Route53Key
	zones []Route53Zone
	page  int
	made  int
}

// Route53Key is an access key of an account.
type Route53Key struct {
	ID, Secret string
	Session    string   // the session token that belongs to a temporary key
	Account    string   // "" is an account like any other
	Denied     []string // actions that the policy does not allow: "ListHostedZones"
	Expired    bool     // of a temporary key
}

// Route53Zone is a hosted zone.
type Route53Zone struct {
	ID          string // "": made up
	Name        string // with or without the final dot
	Account     string
	Private     bool
	NameServers []string // the delegation set; nil: made up, none for a private zone
	// ApexNS is the zone's own NS record set, which its holder can edit; nil:
	// the delegation set.
	ApexNS []string
}

// NewRoute53 is a server without keys and zones.
func NewRoute53() *Route53 { return &Route53{keys: make(map[string]Route53Key), page: 100} }

// AddKey adds or replaces an access key.
func (s *Route53) AddKey(k Route53Key) *Route53 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys[k.ID] = k
	return s
}

// AddZone adds a zone, or replaces the one with that ID, and returns it with
// what was made up.
func (s *Route53) AddZone(z Route53Zone) Route53Zone {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.made++
	if z.ID == "" {
		z.ID = fmt.Sprintf("Z%019d", s.made)
	}
	z.Name = strings.TrimSuffix(z.Name, ".") + "."
	if z.NameServers == nil && !z.Private {
		for i, top := range []string{"com", "net", "org", "co.uk"} {
			n := s.made%50 + 512*i
			z.NameServers = append(z.NameServers, fmt.Sprintf("ns-%d.awsdns-%02d.%s", n, n%64, top))
		}
	}
	s.zones = slices.DeleteFunc(s.zones, func(o Route53Zone) bool { return o.ID == z.ID })
	s.zones = append(s.zones, z)
	slices.SortFunc(s.zones, func(a, b Route53Zone) int { return strings.Compare(a.ID, b.ID) })
	return z
}

// RemoveZone removes the zone with that ID.
func (s *Route53) RemoveZone(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.zones = slices.DeleteFunc(s.zones, func(z Route53Zone) bool { return z.ID == id })
}

// PageSize makes lists come in smaller pages than what a client asks for.
func (s *Route53) PageSize(n int) *Route53 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.page = n
	return s
}

// Fault makes the next times requests fail; 0 times means all of them.
func (s *Route53) Fault(f ProviderFault, times int) *Route53 {
	s.setFault(f, times)
	return s
}

const route53Version = "/2013-04-01/"

// ServeHTTP answers a request of the API.
func (s *Route53) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	action, id := route53Action(r)
	fault := s.begin(action)
	if misbehave(w, r, fault, "text/xml") {
		return
	}
	key, e := s.authenticate(r)
	switch {
	case fault == ProviderFaultThrottled:
		e = &route53Error{400, "Throttling", "Rate exceeded"}
	case fault == ProviderFaultInternal:
		e = &route53Error{500, "InternalFailure", "We encountered an internal error. Please try again."}
	case fault == ProviderFaultEcho:
		e = &route53Error{403, "SignatureDoesNotMatch", "The key " + key.ID + " with secret " + key.Secret + " and token " + key.Session + " made: " + r.Header.Get("Authorization")}
	case e != nil:
	case action == "":
		e = &route53Error{404, "UnknownOperationException", "no such operation"}
	case slices.Contains(key.Denied, action):
		e = &route53Error{403, "AccessDenied", fmt.Sprintf("User: arn:aws:iam::123456789012:user/%s is not authorized to perform: route53:%s because no identity-based policy allows the route53:%s action", key.ID, action, action)}
	}
	if e != nil {
		e.write(w)
		return
	}
	var answer any
	switch action {
	case "ListHostedZones":
		answer, e = s.list(r, key, fault == ProviderFaultEndless)
	case "GetHostedZone":
		answer, e = s.get(key, id)
	case "ListResourceRecordSets":
		answer, e = s.records(key, id)
	}
	if e != nil {
		e.write(w)
		return
	}
	body, err := xml.Marshal(answer)
	if err != nil {
		panic(fmt.Sprintf("testnet: writing an answer: %v", err))
	}
	if fault == ProviderFaultCut {
		body = body[:len(body)/2]
	}
	w.Header().Set("Content-Type", "text/xml")
	_, _ = w.Write(append([]byte(xml.Header), body...))
}

// route53Action tells the operation of a request and the zone it is about.
func route53Action(r *http.Request) (action, id string) {
	path, ok := strings.CutPrefix(r.URL.Path, route53Version)
	if !ok || r.Method != http.MethodGet {
		return "", ""
	}
	part := strings.Split(path, "/")
	switch {
	case part[0] != "hostedzone":
	case len(part) == 1:
		return "ListHostedZones", ""
	case len(part) == 2:
		return "GetHostedZone", part[1]
	case len(part) == 3 && part[2] == "rrset":
		return "ListResourceRecordSets", part[1]
	}
	return "", ""
}

const route53NS = "https://route53.amazonaws.com/doc/2013-04-01/"

type (
	route53ZoneXML struct {
		ID              string `xml:"Id"`
		Name            string
		CallerReference string
		Private         bool `xml:"Config>PrivateZone"`
		Count           int  `xml:"ResourceRecordSetCount"`
	}
	route53ListXML struct {
		XMLName     xml.Name         `xml:"ListHostedZonesResponse"`
		NS          string           `xml:"xmlns,attr"`
		Zones       []route53ZoneXML `xml:"HostedZones>HostedZone"`
		Marker      string           `xml:",omitempty"`
		IsTruncated bool
		NextMarker  string `xml:",omitempty"`
		MaxItems    int
	}
	route53GetXML struct {
		XMLName xml.Name       `xml:"GetHostedZoneResponse"`
		NS      string         `xml:"xmlns,attr"`
		Zone    route53ZoneXML `xml:"HostedZone"`
		Servers *struct {
			Name []string `xml:"NameServer"`
		} `xml:"DelegationSet>NameServers"`
		VPC *struct{ VPCRegion, VPCId string } `xml:"VPCs>VPC"`
	}
	route53RecordXML struct {
		Name   string
		Type   string
		TTL    int
		Values []string `xml:"ResourceRecords>ResourceRecord>Value"`
	}
	route53RecordsXML struct {
		XMLName     xml.Name           `xml:"ListResourceRecordSetsResponse"`
		NS          string             `xml:"xmlns,attr"`
		Records     []route53RecordXML `xml:"ResourceRecordSets>ResourceRecordSet"`
		IsTruncated bool
		MaxItems    int
	}
)

func (z *Route53Zone) xml() route53ZoneXML {
	return route53ZoneXML{ID: "/hostedzone/" + z.ID, Name: z.Name, CallerReference: "ref-" + z.ID, Private: z.Private, Count: 2}
}

// list answers ListHostedZones.
func (s *Route53) list(r *http.Request, key Route53Key, endless bool) (any, *route53Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	size := 100
	if v := r.URL.Query().Get("maxitems"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 {
			return nil, &route53Error{400, "InvalidInput", "maxitems is not a number from 1 to 100"}
		}
		size = min(n, 100)
	}
	size = min(size, s.page)
	marker := r.URL.Query().Get("marker")
	out := route53ListXML{NS: route53NS, Marker: marker, MaxItems: size}
	for i := range s.zones {
		z := &s.zones[i]
		switch {
		case z.Account != key.Account, marker != "" && z.ID < marker && !endless:
		case len(out.Zones) == size:
			out.IsTruncated, out.NextMarker = true, z.ID
			return out, nil
		default:
			out.Zones = append(out.Zones, z.xml())
		}
	}
	if endless {
		out.IsTruncated, out.NextMarker = true, "Z"+strconv.Itoa(len(s.calls))
	}
	return out, nil
}

func (s *Route53) zone(key Route53Key, id string) (*Route53Zone, *route53Error) {
	for i := range s.zones {
		z := &s.zones[i]
		if z.ID != id {
			continue
		}
		if z.Account != key.Account {
			return nil, &route53Error{403, "AccessDenied", "The resource hostedzone/" + id + " can only be managed by its own account"}
		}
		return z, nil
	}
	return nil, &route53Error{404, "NoSuchHostedZone", "No hosted zone found with ID: " + id}
}

// get answers GetHostedZone.
func (s *Route53) get(key Route53Key, id string) (any, *route53Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	z, e := s.zone(key, id)
	if e != nil {
		return nil, e
	}
	out := route53GetXML{NS: route53NS, Zone: z.xml()}
	if z.Private {
		out.VPC = &struct{ VPCRegion, VPCId string }{"eu-central-1", "vpc-0123456789abcdef0"}
	} else {
		out.Servers = &struct {
			Name []string `xml:"NameServer"`
		}{z.NameServers}
	}
	return out, nil
}

// records answers ListResourceRecordSets with the two sets that every zone
// has.
func (s *Route53) records(key Route53Key, id string) (any, *route53Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	z, e := s.zone(key, id)
	if e != nil {
		return nil, e
	}
	ns := z.ApexNS
	if ns == nil {
		ns = z.NameServers
	}
	first := "ns.invalid"
	if len(ns) > 0 {
		first = ns[0]
	}
	return route53RecordsXML{NS: route53NS, MaxItems: 300, Records: []route53RecordXML{
		{z.Name, "NS", 172800, ns},
		{z.Name, "SOA", 900, []string{first + ". awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400"}},
	}}, nil
}

type route53Error struct {
	status        int
	code, message string
}

func (e *route53Error) write(w http.ResponseWriter) {
	var message strings.Builder
	_ = xml.EscapeText(&message, []byte(e.message))
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(e.status)
	fmt.Fprintf(w, "%s<ErrorResponse xmlns=%q><Error><Type>Sender</Type><Code>%s</Code><Message>%s</Message></Error>"+
		"<RequestId>4f4ee2a4-0000-4000-8000-9e2b2f0e2b2f</RequestId></ErrorResponse>", xml.Header, route53NS, e.code, message.String())
}
