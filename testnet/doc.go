// Package testnet is a fake internet in one process, on loopback: a root,
// top-level domains, delegated zones on several name servers with their own
// differences and faults, web hosts with their own, a caching resolver, traps,
// and a history of every question and request. Names and addresses in it look
// public; Route maps them to the loopback ports behind, so code under test
// keeps its rules about addresses. Nothing listens anywhere but on loopback,
// and nothing is ever sent elsewhere.
//
// # Zones
//
// Network.Zone makes a zone with two name servers and everything above it
// that the real world would have: the TLD, public suffixes such as co.uk, the
// registrable domain. Zone.Add and Zone.Remove publish at once.
// NameServer.Only makes one server differ, Fault, Delay and EDE make it
// misbehave, Zone.Delegate makes the parent say something else than the zone.
// Thousands of zones share two servers with Network.Hoster and
// Network.ZoneAt; Hoster.Undelegated is the zone at the provider that nobody
// uses any more.
//
// # DNSSEC
//
// Network.SignAll and Zone.Sign sign zones at the time of each answer, with
// keys of their own and DS records in the parent; TrustAnchors is what a
// validator has to know. SignFault, SignFaultAt, SignedBy, SetDS and KeyTrap
// break them in the ways that happen.
//
// # Hosts
//
// Network.Host makes a web host with an IPv4 and an IPv6 address and
// publishes them. Its certificates come from the authority of CA. A View
// narrows handlers and faults to a family, to TLS or plain HTTP, or to one
// address.
//
// # Registries
//
// Network.NewRegistries adds IANA's WHOIS root and RDAP bootstrap, and for
// each top-level domain a registry that publishes on port 43 and over RDAP
// what Registries.Register is told. Style, Refer, Base, Fault and Answer make
// them differ, lie, stall and send what nobody asked for.
//
// # Other processes
//
// Route is for code in the same process. NewOnLoopback makes a network whose
// addresses are loopback addresses, for a program that is told the root hints
// and the ports.
//
// # Providers
//
// NewRoute53 and NewCloudflare are the APIs of two DNS providers, with
// accounts, zones and faults: handlers for a Host under the provider's own
// name, or for any HTTP server.
//
// # What else a test needs
//
// Resolver answers as the caches of others do, and can be primed with what is
// no longer true. Trap counts contacts with addresses that nobody may touch.
// Queries and Requests tell what was asked. Close stops everything and waits.
package testnet
