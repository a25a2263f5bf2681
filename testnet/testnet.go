// Package testnet is a fake internet in one process, on loopback: a root,
// top-level domains, delegated zones on several name servers with their own
// differences and faults, web hosts with their own, and a history of every
// question and request. Names and addresses in it look public; Route maps
// them to the loopback ports behind.
package testnet

import (
	"net/http"
	"net/netip"
)

// Network is the fake internet. All methods are safe for concurrent use, also
// while queries run.
type Network struct{}

// New starts a network with a root, and TLDs made on demand.
func New() (*Network, error) { panic("owner: testnet") }

// Close stops every server.
func (n *Network) Close() { panic("owner: testnet") }

// Route maps a public address of this network to loopback. False: nothing
// listens there. It fits probe.Dialer.Route.
func (n *Network) Route(addr netip.AddrPort) (netip.AddrPort, bool) { panic("owner: testnet") }

// RootHints is the network's root in named.root format.
func (n *Network) RootHints() string { panic("owner: testnet") }

// CA is the PEM of the authority that signs the hosts' certificates.
func (n *Network) CA() []byte { panic("owner: testnet") }

// Zone returns the delegated zone of that name, making it (and its parents)
// with two name servers on first use.
func (n *Network) Zone(name string) *Zone { panic("owner: testnet") }

// Host returns the web host of that name with one IPv4 and one IPv6 address,
// published as A and AAAA in its zone, serving http on 80 and https on 443,
// making it on first use.
func (n *Network) Host(name string) *Host { panic("owner: testnet") }

// Resolver starts a caching recursive resolver and returns its public address.
func (n *Network) Resolver() *Resolver { panic("owner: testnet") }

// Zone is a delegated zone. Names given to its methods are relative; "@" is
// the apex; a name that ends in "." is absolute (and may be out of zone).
type Zone struct{}

// Add publishes a record on every server: Add("_x", "TXT", "token=…").
// TXT takes the raw text of one string; several values, several strings.
func (z *Zone) Add(name, rtype string, value ...string) *Zone { panic("owner: testnet") }

// Remove deletes all records of that name and type ("" all types).
func (z *Zone) Remove(name, rtype string) *Zone { panic("owner: testnet") }

// Servers lists the name servers of the zone.
func (z *Zone) Servers() []*NameServer { panic("owner: testnet") }

// NameServer is one server of one zone.
type NameServer struct{}

// Only replaces what this server alone holds at name and type.
func (s *NameServer) Only(name, rtype string, values ...string) { panic("owner: testnet") }

// Fault makes this server misbehave for this zone until called with FaultNone.
func (s *NameServer) Fault(f Fault) { panic("owner: testnet") }

// Fault is one misbehaviour of a name server.
type Fault string

const (
	FaultNone        Fault = ""
	FaultTimeout     Fault = "timeout"
	FaultRefused     Fault = "refused"
	FaultServFail    Fault = "servfail"
	FaultLame        Fault = "lame" // answers without AA, refers upwards
	FaultTruncateUDP Fault = "truncate_udp"
	FaultDropTCP     Fault = "drop_tcp"
	FaultDropUDP     Fault = "drop_udp"
	FaultDropEDNS    Fault = "drop_edns"   // no answer to queries with EDNS
	FaultLowerCase   Fault = "lower_case"  // echoes the name in lower case
	FaultWrongID     Fault = "wrong_id"    // right answer under a wrong id
	FaultGarbage     Fault = "garbage"     // not a DNS message
	FaultOutOfZone   Fault = "out_of_zone" // adds forged records of other zones
	FaultSpoofFlood  Fault = "spoof_flood" // many wrong answers before the right one
)

// Host is a web host.
type Host struct{}

// Handle serves path (exact) on http and https. An empty path is the
// catch-all; without one, other paths answer 404.
func (h *Host) Handle(path string, handler http.Handler) *Host { panic("owner: testnet") }

// Page is Handle with a fixed status, content type and body.
func (h *Host) Page(path string, status int, contentType, body string) *Host { panic("owner: testnet") }

// Addrs are its public addresses, IPv6 first.
func (h *Host) Addrs() []netip.Addr { panic("owner: testnet") }

// Resolver is a caching recursive resolver of the network.
type Resolver struct{}

// Addr is its public address and port.
func (r *Resolver) Addr() netip.AddrPort { panic("owner: testnet") }
