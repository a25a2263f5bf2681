package api

// CreateDomain is the body of POST /v1/domains.
type CreateDomain struct {
	Hostname string `json:"hostname" doc:"as typed; internationalised names too" example:"example.com"`
	Scheme   string `json:"scheme,omitempty" enum:"http,https"`
	Port     int    `json:"port,omitempty" minimum:"1" maximum:"65535"`
	Profile  string `json:"profile,omitempty" enum:"zonehold,yandex,probely"`
}

// DomainPatch is the body of PATCH /v1/domains/{id}. What is absent stays;
// null clears, except discovery_enabled.
type DomainPatch struct {
	DiscoveryEnabled  *bool     `json:"discovery_enabled,omitempty"`
	BasicAuthUsername *string   `json:"basic_auth_username,omitempty" nullable:"true" maxLength:"255"`
	BasicAuthPassword *string   `json:"basic_auth_password,omitempty" nullable:"true" maxLength:"255" doc:"kept encrypted, never shown"`
	Port              *int      `json:"port,omitempty" nullable:"true" minimum:"1" maximum:"65535"`
	Tags              *[]string `json:"tags,omitempty" nullable:"true"`
}

// StartAttempt is the body of POST /v1/domains/{id}/attempts.
type StartAttempt struct {
	Method string `json:"method,omitempty" doc:"absent: every applicable method, cheapest first; dns is dns_txt" enum:"dns_txt,dns_cname,file,txt_file,meta_tag,whois,email,existing_domain,whitelist,waved,back_office,delegated,pdd,auto,aws_route53,cloudflare,dns"`
}

// CreateToken is the body of POST /v1/tokens.
type CreateToken struct {
	Name   string   `json:"name" minLength:"1" maxLength:"100"`
	Scopes []string `json:"scopes,omitempty" enum:"domains:read,domains:write,checks:run,admin" doc:"absent: all but admin"`
}

// UpdateAccount is the body of PATCH /v1/account. What is absent stays.
type UpdateAccount struct {
	Recheck *string `json:"recheck,omitempty" enum:"keep,once" doc:"what proofs are held to: keep (they stay in place) or once (they may be removed after success)"`
}
