package zonehold

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

// Assurance says what a proof is worth.
type Assurance string

const (
	AssuranceDNS       Assurance = "dns"       // control of the DNS zone
	AssuranceRegistrar Assurance = "registrar" // control of the registration
	AssuranceHost      Assurance = "host"      // control of one web host
	AssuranceMailbox   Assurance = "mailbox"   // control of a mailbox
	AssuranceOperator  Assurance = "operator"  // somebody vouched
)

// Covers says how far a proof reaches.
type Covers string

const (
	CoversSubtree Covers = "subtree" // the name and what is below it
	CoversHost    Covers = "host"    // exactly that host
)
