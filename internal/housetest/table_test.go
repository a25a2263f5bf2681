package housetest

// imports says which of our packages each package may import (DESIGN, the
// house). "" is the root package; "x/..." is x and everything below it. Test
// files may import what they like.
var imports = map[string][]string{
	"":                  {},
	"problem":           {},
	"probe":             {""},
	"probe/dns":         {"", "probe"},
	"probe/dnsbulk":     {"", "probe"},
	"probe/web":         {"", "probe", "probe/dns"}, // pins the addresses that probe/dns found
	"probe/registry":    {"", "probe", "probe/dns", "probe/web"},
	"verify":            {"", "problem", "probe/..."},
	"verify/verifytest": {"", "problem", "probe/...", "verify", "testnet"},
	"diagnose":          {"", "problem", "probe/...", "verify", "evidence"}, // a report names what other perspectives saw
	"discover":          {"", "probe/..."},
	"evidence":          {""},
	"perspective":       {"", "problem", "probe/...", "verify", "diagnose", "evidence"},
	"api":               {},
	"client":            {"api"},
	"testnet":           {},

	// The probes' types are the evidence that app writes down.
	"internal/app":                    {"", "problem", "verify", "diagnose", "discover", "evidence", "perspective", "internal/store", "internal/jobs", "probe/dns", "probe/registry", "probe/web"},
	"internal/store":                  {"", "problem"},
	"internal/store/storetest":        {"", "problem", "internal/store"},
	"internal/jobs":                   {"", "internal/store"},
	"internal/httpapi":                {"", "problem", "api", "internal/app", "internal/auth"},
	"internal/webmaster":              {"", "internal/app", "internal/auth"},
	"internal/probely":                {"", "internal/app", "internal/auth"},
	"internal/webui":                  {"", "problem", "internal/app", "internal/auth"},
	"internal/auth":                   {"", "internal/store"},
	"internal/notify":                 {"", "problem", "internal/store"},
	"internal/provider/route53":       {"", "probe/..."},
	"internal/provider/cloudflare":    {"", "probe/..."},
	"internal/provider/domainconnect": {"", "probe/..."},
	"internal/config":                 {},
	"internal/telemetry":              {},
	"internal/attacktest":             {}, // tests only
	"internal/systemtest":             {}, // tests only
	"internal/housetest":              {}, // tests only

	"cmd/zonehold": {"..."}, // the wiring
}

// outside lists the modules that a public package may import beside the
// standard library: what an embedder of the library has to accept.
var outside = []string{
	"github.com/miekg/dns",
	"github.com/weppos/publicsuffix-go",
	"golang.org/x/net",
	"golang.org/x/text",
	"golang.org/x/time",
}

// outsideTestHelpers may be imported besides by packages whose name ends in
// "test".
var outsideTestHelpers = []string{"github.com/google/go-cmp", "pgregory.net/rapid"}

// databases are the imports that only databasePackages may have.
var (
	databases = []string{
		"database/sql", "github.com/jackc/pgx", "modernc.org/sqlite", "github.com/pressly/goose", "github.com/riverqueue",
	}
	databasePackages = []string{"internal/store", "internal/store/storetest", "internal/jobs"}
)

// sqlPackages may hold SQL texts; jobs for River's own tables.
var sqlPackages = []string{"internal/store", "internal/store/storetest", "internal/jobs"}

// dialling packages may open connections: the probes, and the fake internet
// between its own loopback ports.
var dialling = []string{"probe", "probe/...", "testnet"}

// diallingFiles may use an HTTP client towards the user's own server.
var diallingFiles = map[string]string{
	"client":                      "the Go client of /v1",
	"perspective/client.go":       "speaks HTTP over connections of probe to endpoints that the operator names",
	"cmd/zonehold/dev_client.go":  "talks to the user's own dev server",
	"internal/notify/mail.go":     "speaks TLS over the connection that probe made",
	"cmd/zonehold/healthcheck.go": "asks the local server whether it is ready",
}

// plainRandom may import math/rand/v2: nothing there has to be unguessable.
var plainRandom = map[string]string{
	"internal/app/config.go":     "jitter of the schedule",
	"internal/telemetry/http.go": "request ids in logs",
	"probe/dns/walk.go":          "which server of a parent zone is asked first",
}

// dialects are words that only profiles and the dialects' packages know.
var (
	dialects     = []string{"yandex", "probely", "snyk"}
	dialectBlind = []string{"problem", "probe", "probe/...", "verify"}
)
