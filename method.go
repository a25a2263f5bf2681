package zonehold

import (
	"fmt"
	"slices"
)

// Method names one way to prove control of a domain. The string is the wire
// value everywhere: API, CLI (with dashes), documentation anchors and logs.
type Method string

// The methods of contract native, section Domains.
const (
	MethodDNSTXT         Method = "dns_txt"
	MethodDNSCNAME       Method = "dns_cname"
	MethodFile           Method = "file"
	MethodTXTFile        Method = "txt_file"
	MethodMetaTag        Method = "meta_tag"
	MethodWHOIS          Method = "whois"
	MethodEmail          Method = "email"
	MethodExistingDomain Method = "existing_domain"
	MethodWhitelist      Method = "whitelist"
	MethodWaved          Method = "waved"
	MethodBackOffice     Method = "back_office"
	MethodDelegated      Method = "delegated"
	MethodPDD            Method = "pdd"
	MethodAuto           Method = "auto"
	MethodAWSRoute53     Method = "aws_route53"
	MethodCloudflare     Method = "cloudflare"
)

// Methods lists every method in the order of contract native.
func Methods() []Method {
	return []Method{
		MethodDNSTXT, MethodDNSCNAME, MethodFile, MethodTXTFile, MethodMetaTag,
		MethodWHOIS, MethodEmail, MethodExistingDomain, MethodWhitelist,
		MethodWaved, MethodBackOffice, MethodDelegated, MethodPDD, MethodAuto,
		MethodAWSRoute53, MethodCloudflare,
	}
}

// Valid reports whether m is one of Methods.
func (m Method) Valid() bool { return slices.Contains(Methods(), m) }

// ParseMethod reads a method as the API takes it: "dns" is an alias of
// dns_txt (contract native, Domains).
func ParseMethod(s string) (Method, error) {
	if s == "dns" {
		return MethodDNSTXT, nil
	}
	if m := Method(s); m.Valid() {
		return m, nil
	}
	return "", fmt.Errorf("unknown method %s", quote(s))
}

// Assurance says what a proof is worth.
type Assurance string

const (
	AssuranceDNS       Assurance = "dns"       // control of the DNS zone
	AssuranceRegistrar Assurance = "registrar" // control of the registration
	AssuranceHost      Assurance = "host"      // control of one web host
	AssuranceMailbox   Assurance = "mailbox"   // control of a mailbox
	AssuranceOperator  Assurance = "operator"  // somebody vouched
)

// Valid reports whether a is a known assurance.
func (a Assurance) Valid() bool {
	switch a {
	case AssuranceDNS, AssuranceRegistrar, AssuranceHost, AssuranceMailbox, AssuranceOperator:
		return true
	}
	return false
}

// Covers says how far a proof reaches.
type Covers string

const (
	CoversSubtree Covers = "subtree" // the name and what is below it
	CoversHost    Covers = "host"    // exactly that host
)

// Valid reports whether c is a known reach.
func (c Covers) Valid() bool { return c == CoversSubtree || c == CoversHost }

// Covers says how far a proof of this worth reaches: DNS and registration
// reach the whole subtree, everything else one host (Baseline Requirements
// 3.2.2.4; threats T30, T34).
func (a Assurance) Covers() Covers {
	if a == AssuranceDNS || a == AssuranceRegistrar {
		return CoversSubtree
	}
	return CoversHost
}

// automaticMethods rest on what is known already, in the order in which they
// are tried when a domain is created (contract probely, section 5).
var automaticMethods = []Method{
	MethodExistingDomain, MethodDelegated, MethodWhitelist, MethodWaved, MethodBackOffice,
	MethodPDD, MethodAuto, MethodEmail, MethodCloudflare, MethodAWSRoute53,
}

// AutomaticMethods lists the methods that are tried without being asked for,
// as nothing has to be placed for them, in the order in which they are.
func AutomaticMethods() []Method { return slices.Clone(automaticMethods) }

// Automatic reports whether the method is tried without being asked for. Of
// those for which nothing has to be placed only WHOIS is not.
func (m Method) Automatic() bool { return slices.Contains(automaticMethods, m) }

// Token reports whether a secret of the claim is placed for the method.
func (m Method) Token() bool {
	switch m {
	case MethodDNSTXT, MethodDNSCNAME, MethodFile, MethodTXTFile, MethodMetaTag:
		return true
	}
	return false
}

// Lasting reports whether a proof by the method can stand beside others of the
// same domain: it is placed, or said by the registry, and found again by
// asking. What rests on something kept by this service is not.
func (m Method) Lasting() bool { return m.Token() || m == MethodWHOIS }
