package config

import (
	"net/url"
	"strings"
	"time"
)

// Key documents one setting.
type Key struct {
	Name    string // as in the file, e.g. "dns_port"
	Default string
	Meaning string // one or two sentences
	Secret  bool   // may come from <NAME>_FILE, never shown
	Empty   bool   // set and empty means none, not the default
	Client  bool   // used by the commands that talk to a server, not by the server
	env     string // name in the environment, where another program chose it
	set     func(c *Config, v string) error
}

// Env is the key's name in the environment.
func (k Key) Env() string {
	if k.env != "" {
		return k.env
	}
	return "ZONEHOLD_" + strings.ToUpper(k.Name)
}

// Flag is the key's name on the command line, with its dashes.
func (k Key) Flag() string { return "--" + strings.ReplaceAll(k.Name, "_", "-") }

func (k Key) redact(v string) string {
	if v == "" {
		return ""
	}
	if k.Name == "database_url" || k.Name == "smtp_url" {
		return redactURL(v)
	}
	if k.Secret {
		return "(set)"
	}
	return v
}

// redactURL masks the password of a URL, also one given as a query
// parameter; a value that is no URL is masked whole.
func redactURL(v string) string {
	u, err := url.Parse(v)
	if err != nil || u.Scheme == "" {
		return "(set)"
	}
	q := u.Query()
	for name := range q {
		if n := strings.ToLower(name); strings.Contains(n, "password") || strings.Contains(n, "secret") {
			q.Set(name, "xxxxx")
			u.RawQuery = q.Encode()
		}
	}
	return u.Redacted()
}

// Keys returns all settings in documentation order.
func Keys() []Key { return append([]Key(nil), keys...) }

func find(name string) *Key {
	for i := range keys {
		if keys[i].Name == name {
			return &keys[i]
		}
	}
	return nil
}

var keys = []Key{
	{Name: "listen", Default: "127.0.0.1:8080", Meaning: "Address and port of the HTTP listener.",
		set: func(c *Config, v string) (err error) { c.Listen, err = parseListen(v); return }},
	{Name: "data_dir", Default: "./zonehold-data", Meaning: "Folder of the embedded default: the SQLite file and the secret key.",
		set: func(c *Config, v string) (err error) { c.DataDir, err = parsePath(v); return }},
	{Name: "database_url", Secret: true, Meaning: "`postgres://…` runs on PostgreSQL. Empty: SQLite in the data folder.",
		set: func(c *Config, v string) (err error) { c.DatabaseURL, err = parseDatabaseURL(v); return }},
	{Name: "secret_key", Secret: true, Meaning: "32 bytes in base64 that encrypt stored credentials. Empty: made once and kept in the data folder. Several processes on one PostgreSQL need the same key.",
		set: func(c *Config, v string) (err error) { c.SecretKey, err = parseSecretKey(v); return }},
	{Name: "roles", Default: "api,worker", Meaning: "What this process does: `api` answers HTTP, `worker` runs checks. Several processes may share one PostgreSQL.",
		set: func(c *Config, v string) (err error) { c.Roles, err = parseRoles(v); return }},
	{Name: "dns_root_hints", Meaning: "File in named.root format. Empty: the built-in list of the public root servers.",
		set: func(c *Config, v string) (err error) { c.DNSRootHints, err = parsePathOrEmpty(v); return }},
	{Name: "dns_trust_anchors", Meaning: "File of DS or DNSKEY records in zone-file form from which DNS answers are validated. Empty: IANA's built-in anchors; with root hints of your own, or with `dns_forward`, no answer is validated then.",
		set: func(c *Config, v string) (err error) { c.DNSTrustAnchors, err = parsePathOrEmpty(v); return }},
	{Name: "dns_resolvers", Default: "1.1.1.1,8.8.8.8,9.9.9.9", Empty: true, Meaning: "Recursive resolvers asked for what others still see in their caches; never for the verdict. Addresses, with a port if it is not 53. Set but empty: none is asked.",
		set: func(c *Config, v string) (err error) { c.DNSResolvers, err = parseResolvers(v); return }},
	{Name: "dns_forward", Meaning: "For closed networks: ask only these resolvers. Proofs are then stored with lower assurance.",
		set: func(c *Config, v string) (err error) { c.DNSForward, err = parseResolvers(v); return }},
	{Name: "dns_port", Default: "53", Meaning: "Port of authoritative name servers. Another one is for tests.",
		set: func(c *Config, v string) (err error) { c.DNSPort, err = parsePort(v); return }},
	{Name: "http_ports", Default: "80,443", Meaning: "Ports allowed for web fetches, besides the port of a domain itself.",
		set: func(c *Config, v string) (err error) { c.HTTPPorts, err = parsePorts(v); return }},
	{Name: "egress_allow", Meaning: "CIDRs that may be contacted although they are special-purpose (private, loopback, …).",
		set: func(c *Config, v string) (err error) { c.EgressAllow, err = parsePrefixes(v); return }},
	{Name: "egress_deny", Meaning: "CIDRs that are never contacted although they are public.",
		set: func(c *Config, v string) (err error) { c.EgressDeny, err = parsePrefixes(v); return }},
	{Name: "whois_root", Default: "whois.iana.org", Meaning: "WHOIS server that refers to those of the registries: a host, or host:port.",
		set: func(c *Config, v string) (err error) { c.WHOISRoot, err = parseHostPort(v); return }},
	{Name: "rdap_bootstrap", Meaning: "URL or file of the RDAP bootstrap (RFC 9224). Empty: IANA's URL, with a built-in copy.",
		set: func(c *Config, v string) (err error) { c.RDAPBootstrap, err = parseURLOrFile(v); return }},
	{Name: "smtp_url", Secret: true, Meaning: "Relay for outgoing mail: `smtp://user:password@host:587` (STARTTLS), or `smtps://…:465`. Empty: no mail is sent, and nothing that needs a mailed code works.",
		set: func(c *Config, v string) (err error) { c.SMTPURL, err = parseSMTPURL(v); return }},
	{Name: "mail_from", Meaning: "Address that mail comes from. Needed with `smtp_url`.",
		set: func(c *Config, v string) (err error) { c.MailFrom, err = parseMailFrom(v); return }},
	{Name: "aws_endpoint_url_route_53", env: "AWS_ENDPOINT_URL_ROUTE_53", Meaning: "Base URL of the Route 53 API, under the name that Amazon's own tools read. Empty: Amazon's.",
		set: func(c *Config, v string) (err error) { c.Route53Endpoint, err = parseBaseURL(v); return }},
	{Name: "cloudflare_api_url", Meaning: "Base URL of the Cloudflare API. Empty: Cloudflare's.",
		set: func(c *Config, v string) (err error) { c.CloudflareURL, err = parseBaseURL(v); return }},
	{Name: "recheck_interval", Default: "168h", Meaning: "How often a verified domain is checked again. Between 1m and 8760h.",
		set: func(c *Config, v string) (err error) {
			c.RecheckInterval, err = parseDuration(v, minInterval, year)
			return
		}},
	{Name: "recheck_grace", Default: "168h", Meaning: "How long a proof may be missing before the domain is `lapsed`. Between 0s and 8760h.",
		set: func(c *Config, v string) (err error) { c.RecheckGrace, err = parseDuration(v, 0, year); return }},
	{Name: "breaker_flips", Default: "10", Meaning: "How many proofs have to go missing at one DNS host, in one network or in all, within an hour of checks, before a breaker may hold back the verdicts there.",
		set: func(c *Config, v string) (err error) { c.BreakerFlips, err = parseInt(v, 2, 1_000_000); return }},
	{Name: "breaker_percent", Default: "20", Meaning: "From which share of the proofs checked there a breaker holds back the verdicts, in percent.",
		set: func(c *Config, v string) (err error) { c.BreakerPercent, err = parseInt(v, 1, 100); return }},
	{Name: "breaker_hold", Default: "1h", Meaning: "How long a breaker holds back at least; then it closes when the canaries are well. Between 1m and 168h.",
		set: func(c *Config, v string) (err error) {
			c.BreakerHold, err = parseDuration(v, minInterval, 168*time.Hour)
			return
		}},
	{Name: "canaries", Meaning: "Names whose DNS records are known to be good, such as `canary.example.com` or `canary.example.com=text in its TXT record`; as long as one of them is not well, nothing goes missing. Empty: a sample of the proved domains serves.",
		set: func(c *Config, v string) (err error) { c.Canaries, err = parseCanaries(v); return }},
	{Name: "owner_watch", Default: "on", Meaning: "`on`: registrations of verified domains are watched; where one seems to have another owner, a fresh proof is asked for. `off`: they are not.",
		set: func(c *Config, v string) (err error) { c.OwnerWatch, err = parseSwitch(v); return }},
	{Name: "contest_wait", Default: "72h", Meaning: "With `exclusive`: how long the account that holds a name has to prove it again after another one has proved it, too. Between 1m and 720h.",
		set: func(c *Config, v string) (err error) {
			c.ContestWait, err = parseDuration(v, minInterval, 720*time.Hour)
			return
		}},
	{Name: "evidence_kept", Default: "17520h", Meaning: "How long the evidence of checks that changed something is kept; its link in the chain stays as long. Between 24h and 87600h.",
		set: func(c *Config, v string) (err error) {
			c.EvidenceKept, err = parseDuration(v, 24*time.Hour, 10*year)
			return
		}},
	{Name: "attempts_kept", Default: "2160h", Meaning: "How long checks that changed nothing are kept, with their evidence; the last one of a domain always is. Between 1h and 87600h.",
		set: func(c *Config, v string) (err error) {
			c.AttemptsKept, err = parseDuration(v, time.Hour, 10*year)
			return
		}},
	{Name: "public_url", Meaning: "Base URL under which others reach this service: in mails, and as the issuer of verification tokens. Empty: there are no links in mails, and the issuer is `zonehold`.",
		set: func(c *Config, v string) (err error) { c.PublicURL, err = parseBaseURL(v); return }},
	{Name: "operator_account", Meaning: "Name of the account that learns of the service's own events, such as a breaker that opens, through its webhooks and by mail. Empty: they are in the log and the metrics only.",
		set: func(c *Config, v string) (err error) { c.OperatorAccount, err = parseWordOrEmpty(v); return }},
	{Name: "node_name", Meaning: "Name of this process in logs and events. Empty: the host name.",
		set: func(c *Config, v string) (err error) { c.NodeName, err = parseWordOrEmpty(v); return }},
	{Name: "webhook_allow", Meaning: "CIDRs that webhooks may be sent to although they are special-purpose (private, loopback, …).",
		set: func(c *Config, v string) (err error) { c.WebhookAllow, err = parsePrefixes(v); return }},
	{Name: "perspectives", Meaning: "YAML file that lists the other networks from which proofs are checked, too. Empty: none.",
		set: func(c *Config, v string) (err error) { c.Perspectives, err = parsePathOrEmpty(v); return }},
	{Name: "nameservers_must", Default: "all", Meaning: "`all`: every authoritative server must answer alike, one that refuses makes the check `inconclusive`. `majority` is laxer.",
		set: func(c *Config, v string) (err error) {
			c.NameserversMust, err = parseWord(v, "all", "majority")
			return
		}},
	{Name: "cname_zone", Default: "dcv.zonehold.invalid", Meaning: "Zone of the CNAME targets, `<token>.<zone>`. The check reads the CNAME record itself, so the target need not resolve.",
		set: func(c *Config, v string) (err error) { c.CNAMEZone, err = parseZone(v); return }},
	{Name: "exclusive", Default: "false", Meaning: "`true`: only one account may hold a name verified.",
		set: func(c *Config, v string) (err error) { c.Exclusive, err = parseBool(v); return }},
	{Name: "parent_covers", Default: "strict", Meaning: "`strict`: only a proof through DNS or the registration covers the names below. `any`: a proof of one web host does too, as Probely documents it.",
		set: func(c *Config, v string) (err error) { c.ParentCovers, err = parseWord(v, "strict", "any"); return }},
	{Name: "email_proves", Default: "on", Meaning: "`on`: a confirmed mail address in exactly the claimed domain proves it, with the assurance `mailbox`. `off`: only a code mailed to one of the five fixed mailboxes does, on request.",
		set: func(c *Config, v string) (err error) { c.EmailProves, err = parseSwitch(v); return }},
	{Name: "checks_per_minute", Default: "120", Meaning: "Requested checks per account and minute.",
		set: func(c *Config, v string) (err error) { c.ChecksPerMinute, err = parseInt(v, 1, 1_000_000); return }},
	{Name: "target_checks_per_hour", Default: "60", Meaning: "Requested checks per registrable domain and hour, over all accounts, so that nobody can be flooded through this service.",
		set: func(c *Config, v string) (err error) { c.TargetChecksPerHour, err = parseInt(v, 1, 1_000_000); return }},
	{Name: "reads_per_minute", Default: "6000000", Meaning: "Reading calls of the native API per token and minute, and all calls of the Yandex and Probely dialects: a brake for runaway loops. 0: no limit.",
		set: func(c *Config, v string) (err error) { c.ReadsPerMinute, err = parseInt(v, 0, 100_000_000); return }},
	{Name: "writes_per_minute", Default: "60000", Meaning: "Changing calls of the native API per token and minute. 0: no limit.",
		set: func(c *Config, v string) (err error) { c.WritesPerMinute, err = parseInt(v, 0, 100_000_000); return }},
	{Name: "domain_limit", Default: "1703", Meaning: "Domains that one account may have; the default is the limit that clients of the Yandex dialect know.",
		set: func(c *Config, v string) (err error) { c.DomainLimit, err = parseInt(v, 1, 10_000_000); return }},
	{Name: "log_level", Default: "info", Meaning: "`debug`, `info`, `warn` or `error`.",
		set: func(c *Config, v string) (err error) { c.LogLevel, err = parseLevel(v); return }},
	{Name: "log_format", Default: "text", Meaning: "`text` or `json`; always on standard error.",
		set: func(c *Config, v string) (err error) { c.LogFormat, err = parseWord(v, "text", "json"); return }},
	{Name: "metrics_token", Secret: true, Meaning: "Bearer token for `/metrics`. Empty: only callers on the loopback interface may read it.",
		set: func(c *Config, v string) (err error) { c.MetricsToken, err = parseSecretWord(v); return }},
	{Name: "server", Default: "http://127.0.0.1:8080", Client: true, Meaning: "Base URL of the server that the commands talk to.",
		set: func(c *Config, v string) (err error) { c.Server, err = parseServer(v); return }},
	{Name: "token", Secret: true, Client: true, Meaning: "Token that the commands show to the server.",
		set: func(c *Config, v string) (err error) { c.Token, err = parseSecretWord(v); return }},
}

// reserved are keys of the contract whose features are not in this version:
// a configuration that names them keeps working, with a warning.
var reserved = []string{"ct_logs"}
