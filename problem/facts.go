package problem

// Facts fill the placeholders of a catalogue entry: "{name}" takes
// facts["name"]. Values may be hostile; New makes them safe to show. A fact
// that is missing or empty takes the sentence that needs it out of the text,
// so give what is known and leave out the rest.
type Facts map[string]string

// The facts that texts can use. All are plain text; lists are separated by
// ", ".
const (
	FactDomain         = "domain"          // the claimed name, "www.example.com"
	FactName           = "name"            // full name of the record looked for, no final dot
	FactRelativeName   = "relative_name"   // the same as a panel that appends the zone wants it; "@" for the zone itself
	FactType           = "type"            // type of the record looked for: "TXT", "CNAME"
	FactExpected       = "expected"        // value, body, tag content or target that proves the claim
	FactGot            = "got"             // what is there instead; shown at most 100 characters long
	FactWhere          = "where"           // another name (or place in the page) where the right value was found
	FactServer         = "server"          // one authoritative name server, to be asked by hand: "ns1.example.net"
	FactServers        = "servers"         // the name servers that did what the problem says
	FactMissingServers = "missing_servers" // the name servers that lack the record
	FactZone           = "zone"            // the zone that holds the name, "example.com"
	FactProvider       = "provider"        // who serves the zone, or is in front of the site: "Cloudflare"
	FactPanelURL       = "panel_url"       // control panel of that provider
	FactTTL            = "ttl"             // seconds
	FactUntil          = "until"           // a time, "2026-11-21 14:05 UTC"
	FactURL            = "url"             // the URL asked first
	FactFinalURL       = "final_url"       // the URL that answered, or where the chain stopped
	FactStatus         = "status"          // HTTP status "404", DNS status "REFUSED", registry status "clientHold"
	FactPath           = "path"            // path of the file on the host
	FactAddress        = "address"         // one IP address
	FactAddresses      = "addresses"       // several, each may carry its result: "203.0.113.7 → 404"
	FactTarget         = "target"          // what an alias or redirect points to
	FactToken          = "token"           // the secret of this method
	FactOldDate        = "old_date"        // when the old token was retired, "2026-05-03"
	FactMethod         = "method"          // wire name of the method, "dns_txt"
	FactDetail         = "detail"          // free text: a cause in words, EDE text, a TLS error
	FactRedirectChain  = "redirect_chain"  // URLs with " → " between them
	FactProduct        = "product"         // the product that blocks or serves: "Cloudflare Bot Fight Mode"
	FactCount          = "count"           // how many, in digits
	FactKeys           = "keys"            // DNSSEC keys of the zone, or of a signature: "key 12345", "the keys 1 and 2"
	FactDSKeys         = "ds_keys"         // the keys that the DS records at the registrar name
)

// facts lists every placeholder with a value for examples and tests.
var facts = map[string]string{
	FactDomain:         "example.com",
	FactName:           "_zonehold-challenge.example.com",
	FactRelativeName:   "_zonehold-challenge",
	FactType:           "TXT",
	FactExpected:       "token=mfrggzdfmztwq2lknnwg23tpobyxe43u",
	FactGot:            "token=abc",
	FactWhere:          "_zonehold-challenge.example.com.example.com",
	FactServer:         "ns1.example.net",
	FactServers:        "ns1.example.net, ns2.example.net",
	FactMissingServers: "ns2.example.net",
	FactZone:           "example.com",
	FactProvider:       "Example DNS",
	FactPanelURL:       "https://panel.example.net/",
	FactTTL:            "3600",
	FactUntil:          "2026-11-21 14:05 UTC",
	FactURL:            "https://example.com/.well-known/zonehold-challenge/abc.txt",
	FactFinalURL:       "https://www.example.com/login",
	FactStatus:         "404",
	FactPath:           "/.well-known/zonehold-challenge/abc.txt",
	FactAddress:        "203.0.113.7",
	FactAddresses:      "203.0.113.7 → 200, 203.0.113.8 → 404",
	FactTarget:         "mfrggzdfmztwq2lknnwg23tpobyxe43u.dcv.example.net",
	FactToken:          "mfrggzdfmztwq2lknnwg23tpobyxe43u",
	FactOldDate:        "2026-05-03",
	FactMethod:         "dns_txt",
	FactDetail:         "certificate has expired",
	FactRedirectChain:  "https://example.com/ → https://www.example.com/ → https://example.com/",
	FactProduct:        "Example Shield",
	FactCount:          "3",
	FactKeys:           "the keys 11111 and 22222",
	FactDSKeys:         "key 23456",
}
