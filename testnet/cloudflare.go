package testnet

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Cloudflare speaks version 4 of Cloudflare's API, as far as listing zones
// and testing a token go. It is an http.Handler, to be put behind a Host or
// any HTTP server; its base path is /client/v4:
//
//	cf := testnet.NewCloudflare().AddToken(testnet.CloudflareToken{Value: "…"})
//	zone := cf.AddZone(testnet.CloudflareZone{Name: "example.com"})
//	network.Host("api.cloudflare.com").Handle("", cf)
type Cloudflare struct {
	providerAPI
	tokens map[string]CloudflareToken
	zones  []CloudflareZone
	made   int
}

// CloudflareToken is an API token of a user.
type CloudflareToken struct {
	Value     string
	Account   string // "" is an account like any other
	Status    string // "active" (also ""), "disabled" or "expired"
	NoZones   bool   // without the permission Zone:Read
	OfAccount bool   // owned by the account: /user/tokens/verify does not know it
}

// CloudflareZone is a zone.
type CloudflareZone struct {
	ID      string `json:"id"` // "": made up
	Name    string `json:"name"`
	Status  string `json:"status"` // "": "active"
	Paused  bool   `json:"paused"`
	Type    string `json:"type"` // "": "full"
	Account string `json:"-"`
	// NameServers are those that Cloudflare assigned; nil: made up, none for a
	// partial zone.
	NameServers []string `json:"name_servers"`
	// OriginalNameServers are those that Cloudflare saw when the zone was made.
	OriginalNameServers []string `json:"original_name_servers"`
}

// NewCloudflare is a server without tokens and zones.
func NewCloudflare() *Cloudflare { return &Cloudflare{tokens: make(map[string]CloudflareToken)} }

// AddToken adds or replaces a token.
func (s *Cloudflare) AddToken(t CloudflareToken) *Cloudflare {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens[t.Value] = t
	return s
}

// AddZone adds a zone, or replaces the one with that ID, and returns it with
// what was made up.
func (s *Cloudflare) AddZone(z CloudflareZone) CloudflareZone {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.made++
	if z.ID == "" {
		z.ID = fmt.Sprintf("%032x", s.made)
	}
	if z.Status == "" {
		z.Status = "active"
	}
	if z.Type == "" {
		z.Type = "full"
	}
	if z.NameServers == nil && z.Type != "partial" {
		first := []string{"ada", "bob", "cleo", "dan", "elsa", "finn", "gina", "hugo"}
		second := []string{"ian", "jill", "kip", "lara", "mike", "nina", "otto", "pam"}
		z.NameServers = []string{first[s.made%8] + ".ns.cloudflare.com", second[s.made/8%8] + ".ns.cloudflare.com"}
	}
	s.zones = slices.DeleteFunc(s.zones, func(o CloudflareZone) bool { return o.ID == z.ID })
	s.zones = append(s.zones, z)
	return z
}

// RemoveZone removes the zone with that ID.
func (s *Cloudflare) RemoveZone(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.zones = slices.DeleteFunc(s.zones, func(z CloudflareZone) bool { return z.ID == id })
}

// Fault makes the next times requests fail; 0 times means all of them.
func (s *Cloudflare) Fault(f ProviderFault, times int) *Cloudflare {
	s.setFault(f, times)
	return s
}

type (
	cloudflareAnswer struct {
		Result   any               `json:"result"`
		Info     *cloudflareInfo   `json:"result_info,omitempty"`
		Success  bool              `json:"success"`
		Errors   []cloudflareError `json:"errors"`
		Messages []cloudflareError `json:"messages"`
		status   int
	}
	cloudflareInfo struct {
		Page       int `json:"page"`
		PerPage    int `json:"per_page"`
		TotalPages int `json:"total_pages"`
		Count      int `json:"count"`
		TotalCount int `json:"total_count"`
	}
	cloudflareError struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	}
)

// ServeHTTP answers a request of the API.
func (s *Cloudflare) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, "/client/v4")
	fault := s.begin(r.Method + " " + path)
	if misbehave(w, r, fault, "application/json") {
		return
	}
	a := s.answer(r, path, fault)
	if a.Errors == nil {
		a.Success, a.Errors = true, []cloudflareError{}
	}
	if a.Messages == nil {
		a.Messages = []cloudflareError{}
	}
	body, err := json.Marshal(a)
	if err != nil {
		panic(fmt.Sprintf("testnet: writing an answer: %v", err))
	}
	if fault == ProviderFaultCut {
		body = body[:len(body)/2]
	}
	w.Header().Set("Content-Type", "application/json")
	if a.status != 0 {
		w.WriteHeader(a.status)
	}
	_, _ = w.Write(body)
}

func cloudflareFailure(status, code int, message string) cloudflareAnswer {
	return cloudflareAnswer{status: status, Errors: []cloudflareError{{code, message}}}
}

func (s *Cloudflare) answer(r *http.Request, path string, fault ProviderFault) cloudflareAnswer {
	switch fault {
	case ProviderFaultThrottled:
		return cloudflareFailure(429, 971, "Please wait and consider throttling your request speed")
	case ProviderFaultInternal:
		return cloudflareFailure(500, 10000, "Internal server error")
	case ProviderFaultEcho:
		return cloudflareFailure(403, 9109, "Not valid: "+r.Header.Get("Authorization"))
	}
	value, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok || len(value) < 20 || strings.ContainsAny(value, " \t") {
		return cloudflareFailure(400, 6003, "Invalid request headers")
	}
	s.mu.Lock()
	token, known := s.tokens[value]
	s.mu.Unlock()
	switch {
	case r.Method != http.MethodGet || path != "/zones" && path != "/user/tokens/verify":
		return cloudflareFailure(404, 7003, "Could not route to "+path+", perhaps your object identifier is invalid?")
	case path == "/user/tokens/verify":
		return token.verify(known)
	case !known || token.Status == "expired" || token.Status == "disabled":
		return cloudflareFailure(403, 9109, "Invalid access token")
	case token.NoZones:
		return cloudflareFailure(403, 9109, "Unauthorized to access requested resource")
	}
	return s.list(r, token, fault == ProviderFaultEndless)
}

func (t CloudflareToken) verify(known bool) cloudflareAnswer {
	if !known || t.OfAccount {
		return cloudflareFailure(401, 1000, "Invalid API Token")
	}
	status := t.Status
	if status == "" {
		status = "active"
	}
	return cloudflareAnswer{
		Result:   map[string]string{"id": "ed17574386854bf78a67040be0a770b0", "status": status},
		Messages: []cloudflareError{{10000, "This API Token is valid and " + status}},
	}
}

func (s *Cloudflare) list(r *http.Request, token CloudflareToken, endless bool) cloudflareAnswer {
	number := func(key string, usual, least, most int) (int, bool) {
		v := r.URL.Query().Get(key)
		if v == "" {
			return usual, true
		}
		n, err := strconv.Atoi(v)
		return n, err == nil && n >= least && n <= most
	}
	page, ok1 := number("page", 1, 1, 1<<20)
	per, ok2 := number("per_page", 20, 5, 50)
	if !ok1 || !ok2 {
		return cloudflareFailure(400, 1004, "page or per_page is not valid")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	all := []CloudflareZone{}
	for _, z := range s.zones {
		if name := r.URL.Query().Get("name"); z.Account == token.Account && (name == "" || name == z.Name) {
			all = append(all, z)
		}
	}
	info := &cloudflareInfo{Page: page, PerPage: per, TotalPages: (len(all) + per - 1) / per, TotalCount: len(all)}
	if endless {
		info.TotalPages, info.TotalCount = 1<<20, 1<<25
		for len(all) < per {
			all = append(all, CloudflareZone{ID: strings.Repeat("f", 32), Name: r.URL.Query().Get("name"), Status: "moved", Type: "full"})
		}
		page = 1
	}
	from := min((page-1)*per, len(all))
	all = all[from:min(from+per, len(all))]
	info.Count = len(all)
	return cloudflareAnswer{Result: all, Info: info}
}
