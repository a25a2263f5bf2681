package attacktest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/diagnose"
	"github.com/zonehold/zonehold/testnet"
	"github.com/zonehold/zonehold/verify"
)

// forge makes the claim one that the forged answers of testnet would prove, if
// anybody believed them.
func (c *check) forge(kit *verify.Kit) {
	c.claim.Tokens = zonehold.Tokens{TXT: testnet.Forged, CNAME: testnet.Forged, File: testnet.Forged, Meta: testnet.Forged}
	kit.CNAMEZone = "evil.test"
	c.ch = c.m.Challenge(kit, c.claim)
}

// T16: a flood of forged answers beside the true ones, and answers that are
// wrong in one thing.
func TestT16Forgeries(t *testing.T) {
	for _, fault := range []testnet.Fault{
		testnet.FaultSpoofFlood, testnet.FaultWrongID, testnet.FaultWrongName, testnet.FaultGarbage, testnet.FaultOutOfZone, testnet.FaultLowerCase,
	} {
		t.Run(string(fault), func(t *testing.T) {
			everywhere(t, func(ch zonehold.Challenge) bool { return ch.Record != nil }, func(c *check) {
				// A true proof is still found, or nothing is said of it.
				c.place()
				for _, s := range c.Zone(c.claim).Servers() {
					s.Fault(fault)
				}
				r := c.hasty()
				switch {
				case r.Outcome == zonehold.OutcomeVerified:
					bad := 0
					for _, l := range r.Evidence.Lookups {
						for _, hop := range l.Hops {
							for _, s := range hop.Servers {
								bad += s.BadReplies
								if fault == testnet.FaultSpoofFlood && s.Proto != "tcp" {
									c.t.Errorf("a flood, and %s was believed over %s", s.Server, s.Proto)
								}
							}
						}
					}
					if bad == 0 && fault == testnet.FaultSpoofFlood {
						c.t.Error("no bad reply was counted")
					}
				case r.Outcome != inconclusive:
					c.t.Errorf("outcome %s %+v", r.Outcome, r.Problem)
				}
				// A forged one never counts.
				if c.claim.Profile == zonehold.ProfileZonehold {
					kit := c.Hasty()
					c.forge(kit)
					c.deny(c.run(kit, c.m, c.claim), nil)
				}
			})
		})
	}
}

// T16: records of other names in the answers of a server that the attacker
// owns: they must not reach into anybody's else zone.
func TestT16SmuggledRecords(t *testing.T) {
	everywhere(t, nil, func(c *check) {
		// The attacker's zone is asked first, in the same resolver, and tells
		// of the victim's names and servers.
		evil := c.Net.Zone("evil.net")
		for _, s := range evil.Servers() {
			s.Fault(testnet.FaultOutOfZone)
		}
		evil.Add("@", "NS", "ns1.victim.com.").Add("ns1.victim.com.", "A", testnet.ForgedAddr).Add("www.victim.com.", "A", testnet.ForgedAddr)
		evil.Add("www", "CNAME", "www.victim.com.").Add("_zonehold-challenge.www", "CNAME", "_zonehold-challenge.www.victim.com.")
		c.trap.Catch(addrs(testnet.ForgedAddr)...)
		c.Net.Zone("victim.com")
		c.run(c.Kit, c.m, fresh(c.t, "www.evil.net", c.claim.Profile))
		claim := fresh(c.t, "www.victim.com", c.claim.Profile)
		c.Place(c.m, claim)
		if r := c.run(c.Kit, c.m, claim); r.Outcome != zonehold.OutcomeVerified {
			c.t.Errorf("the victim's own proof: %s %+v", r.Outcome, r.Problem)
		}
		c.deny(c.run(c.Kit, c.m, fresh(c.t, "www.victim.com", c.claim.Profile)), nil)
	})
}

// T17: what does not fit into a datagram comes by TCP, whole.
func TestT17LargeAnswers(t *testing.T) {
	everywhere(t, onTXT, func(c *check) {
		for i := range 20 {
			c.Zone(c.claim).Add(c.ch.Record.Name+".", "TXT", fmt.Sprintf("%d %s", i, strings.Repeat("x", 220)))
		}
		c.place()
		r := c.try()
		if r.Outcome != zonehold.OutcomeVerified {
			c.t.Fatalf("%s %+v", r.Outcome, r.Problem)
		}
		for _, s := range r.Evidence.Lookups[0].Final().Servers {
			if s.Proto != "tcp" {
				c.t.Errorf("%s answered over %q", s.Server, s.Proto)
			}
		}
		for _, s := range c.Zone(c.claim).Servers() {
			s.Fault(testnet.FaultRefuseTCP)
		}
		c.deny(c.try(), any_(inconclusive), "dns_tcp_blocked")
	})
}

// T18: whoever can silence the others must not decide alone.
func TestT18LastServerStanding(t *testing.T) {
	everywhere(t, onRecord, func(c *check) {
		zone := c.Zone(c.claim)
		zone.AddServer()
		zone.AddServer()
		servers := zone.Servers()
		value := c.ch.Record.Value
		if c.ch.Record.Type == "CNAME" {
			value += "."
		}
		// One server shows the proof; the others do not have it.
		servers[3].Only(c.ch.Record.Name+".", c.ch.Record.Type, value)
		c.deny(c.try(), any_(inconclusive), "dns_nameservers_disagree")
		// One kit for all: nothing is learned from one check for the next.
		kit := c.Hasty()
		for _, fault := range []testnet.Fault{testnet.FaultTimeout, testnet.FaultUnreachable, testnet.FaultServFail, testnet.FaultGarbage, testnet.FaultDropUDP} {
			for _, s := range servers[:3] {
				s.Fault(fault)
			}
			c.deny(c.run(kit, c.m, c.claim), any_(inconclusive))
			for _, s := range servers[:3] {
				s.Fault(testnet.FaultNone)
			}
		}
		// The laxer policy asks for more than half of all.
		kit.Nameservers = verify.NameserversMajority
		for _, s := range servers[:3] {
			s.Fault(testnet.FaultTimeout)
		}
		c.deny(c.run(kit, c.m, c.claim), any_(inconclusive))
		servers[2].Fault(testnet.FaultNone)
		c.deny(c.run(kit, c.m, c.claim), any_(inconclusive))
	})
}

// T22: a delegation to a server that does not know the zone is an open door:
// a stranger may open an account there.
func TestT22LameDelegation(t *testing.T) {
	everywhere(t, onRecord, func(c *check) {
		c.place()
		servers := c.Zone(c.claim).Servers()
		for _, fault := range []testnet.Fault{testnet.FaultRefused, testnet.FaultNotAuth, testnet.FaultLame, testnet.FaultNoAA, testnet.FaultUpward, testnet.FaultServFail} {
			servers[1].Fault(fault)
			r := c.try()
			c.deny(r, any_(inconclusive))
			if fault == testnet.FaultRefused && r.Problem.Code != "dns_lame_delegation" && r.Problem.Code != "dns_zone_inactive" {
				c.t.Errorf("%s: problem %s", fault, r.Problem.Code)
			}
			servers[1].Fault(testnet.FaultNone)
		}
		if r := c.try(); r.Outcome != zonehold.OutcomeVerified {
			c.t.Errorf("healed: %s %+v", r.Outcome, r.Problem)
		}
	})
	t.Run("one address of a server", func(t *testing.T) {
		everywhere(t, onRecord, func(c *check) {
			// One name, two addresses: one of them refuses.
			c.place()
			zone := c.Zone(c.claim)
			servers := zone.Servers()
			zone.Delegate(testnet.NS{Name: "ns1.example.com.", Addrs: []string{servers[0].Addr().Addr().String(), servers[1].Addr().Addr().String()}})
			if r := c.try(); r.Outcome != zonehold.OutcomeVerified {
				c.t.Fatalf("%s %+v", r.Outcome, r.Problem)
			}
			for _, fault := range []testnet.Fault{testnet.FaultRefused, testnet.FaultServFail, testnet.FaultLame, testnet.FaultNoAA} {
				servers[1].Fault(fault)
				if r := c.hasty(); r.Outcome == zonehold.OutcomeVerified {
					c.t.Errorf("verified while an address of the only server says %s", fault)
				}
			}
		})
	})
	t.Run("a stranger's zone there", func(t *testing.T) {
		// The parent names two hosters; at the second one a stranger made the
		// zone, with his own proof.
		everywhere(t, onRecord, func(c *check) {
			first, second := c.Net.Hoster("first.net"), c.Net.Hoster("second.org")
			zone := c.Net.ZoneAt("victim.com", first)
			stolen := second.Undelegated("victim.com")
			zone.Delegate(append(first.NSNames(), second.NSNames()...)...)
			claim := fresh(c.t, "www.victim.com", c.claim.Profile)
			ch := c.m.Challenge(c.Kit, claim)
			value := ch.Record.Value
			if ch.Record.Type == "CNAME" {
				value += "."
			}
			stolen.Add(ch.Record.Name+".", ch.Record.Type, value)
			c.deny(c.run(c.Kit, c.m, claim), any_(inconclusive), "dns_nameservers_disagree", "dns_delegation_changing")
			// The owner's side gone silent.
			for _, s := range zone.Servers() {
				s.Fault(testnet.FaultTimeout)
			}
			c.deny(c.run(c.Hasty(), c.m, claim), any_(inconclusive))
			for _, s := range zone.Servers() {
				s.Fault(testnet.FaultRefused)
			}
			c.deny(c.run(c.Hasty(), c.m, claim), any_(inconclusive))
		})
	})
}

// T25: wildcards answer everything, so they prove nothing but themselves.
func TestT25Wildcards(t *testing.T) {
	everywhere(t, onRecord, func(c *check) {
		zone := c.Zone(c.claim)
		stranger := c.m.Challenge(c.Kit, fresh(c.t, "www.example.com", c.claim.Profile))
		_, parent, _ := strings.Cut(c.ch.Record.Name, ".")
		names := []string{"*." + parent + ".", "*.example.com.", "*.com."}
		for _, name := range names[:2] {
			value := stranger.Record.Value
			if c.ch.Record.Type == "CNAME" {
				value += "."
			}
			zone.Add(name, c.ch.Record.Type, value)
			c.deny(c.try(), any_(absent, mismatch))
			zone.Remove(name, "")
		}
		if c.ch.Record.Type == "CNAME" {
			for _, name := range names[:2] {
				zone.Add(name, "CNAME", c.ch.Record.Value+".")
				c.deny(c.try(), any_(refused), "dns_wildcard_answers")
				// One server of two: it disagrees, and is no proof either.
				zone.Remove(name, "")
				zone.Servers()[0].Only(name, "CNAME", c.ch.Record.Value+".")
				c.deny(c.try(), any_(inconclusive, refused))
				zone.Servers()[0].Same()
			}
			// A wildcard beside a record of the same target.
			zone.Add(c.ch.Record.Name+".", "CNAME", c.ch.Record.Value+".").Add("*."+parent+".", "CNAME", c.ch.Record.Value+".")
			c.deny(c.try(), any_(refused), "dns_wildcard_answers")
			zone.Remove("*."+parent+".", "").Add("*."+parent+".", "CNAME", "elsewhere.example.com.")
			if r := c.try(); r.Outcome != zonehold.OutcomeVerified {
				c.t.Errorf("another wildcard beside the right record: %s %+v", r.Outcome, r.Problem)
			}
			return
		}
		// A TXT wildcard with our own secret was put there by the owner.
		zone.Add("*."+parent+".", "TXT", c.ch.Record.Value)
		r := c.try()
		if r.Outcome != zonehold.OutcomeVerified || !hasNote(r, "dns_wildcard_answers") {
			c.t.Errorf("%s %+v %v", r.Outcome, r.Problem, r.Notes)
		}
	})
}

// T25, T36: a wildcard alias to a name that anybody may register. Whoever has
// that name answers for every name below the domain, also for the one of the
// proof, without any say of the owner about it.
func TestT25WildcardAlias(t *testing.T) {
	everywhere(t, onTXT, func(c *check) {
		zone := c.Zone(c.claim)
		c.Net.Zone("lapsed.net").Add("@", "TXT", c.ch.Record.Value).Add("*", "TXT", c.ch.Record.Value)
		for _, target := range []string{"lapsed.net.", "any.lapsed.net.", "hop.example.com."} {
			zone.Add("hop", "CNAME", "far.lapsed.net.").Add("*", "CNAME", target)
			c.deny(c.try(), any_(refused), "dns_wildcard_answers")
			zone.Remove("*", "")
		}
		// Within the domain it is the owner's own, and a record of its own for
		// the proof is the owner's word.
		zone.Add("proofs", "TXT", c.ch.Record.Value).Add("*", "CNAME", "proofs.example.com.")
		if r := c.try(); r.Outcome != zonehold.OutcomeVerified || !hasNote(r, "dns_wildcard_answers") {
			c.t.Errorf("a wildcard alias within the domain: %s %+v", r.Outcome, r.Problem)
		}
		zone.Remove("*", "").Add(c.ch.Record.Name+".", "CNAME", "any.lapsed.net.")
		if r := c.try(); r.Outcome != zonehold.OutcomeVerified {
			c.t.Errorf("an alias for the proof alone: %s %+v", r.Outcome, r.Problem)
		}
	})
}

// T16: a name server of the attacker refers to a zone below its own and gives
// addresses of servers that are not its to give.
func TestT16ForeignGlue(t *testing.T) {
	everywhere(t, nil, func(c *check) {
		victim := c.Net.Zone("victim.com")
		claim := fresh(c.t, "www.victim.com", c.claim.Profile)
		// A server that would prove anything about the victim.
		liar := c.Net.Hoster("liar.org")
		lie := liar.Undelegated("victim.com")
		ch := c.m.Challenge(c.Kit, claim)
		if ch.Record != nil {
			value := ch.Record.Value
			if ch.Record.Type == "CNAME" {
				value += "."
			}
			lie.Add(ch.Record.Name+".", ch.Record.Type, value)
		} else {
			path := "/"
			if ch.File != nil {
				path = ch.File.Path
			}
			evil := c.Net.Host("web.liar.org")
			c2 := *c
			c2.ch = ch
			evil.Handle(path, c2.proof())
			for _, a := range evil.Addrs() {
				rtype, value := record(a)
				lie.Add("www", rtype, value)
			}
		}
		at := liar.Zone().Servers()[0].Addr().Addr().String()
		var forged []testnet.NS
		for _, s := range victim.Servers() {
			forged = append(forged, testnet.NS{Name: s.Name() + ".", Addrs: []string{at}})
		}
		c.Net.Zone("sub.evil.net").Delegate(forged...)
		poison := fresh(c.t, "www.sub.evil.net", c.claim.Profile)
		c.run(c.Kit, c.m, poison)
		c.deny(c.run(c.Kit, c.m, claim), nil)
		c.run(c.Kit, c.m, poison)
		c.deny(c.run(c.Kit, c.m, claim), nil)
	})
}

// Names of networks that are nobody's: nothing is contacted, and nothing found.
func TestT01SpecialNames(t *testing.T) {
	everywhere(t, nil, func(c *check) {
		for _, host := range []string{"db.internal", "printer.local", "x.localhost", "router.home.arpa", "abcdefghijklmnop.onion", "a.test", "x.invalid", "host.docker.internal", "metadata.google.internal", "kubernetes.default.svc", "wpad.lan"} {
			deny(c.t, c.run(c.Kit, c.m, fresh(c.t, host, c.claim.Profile)), any_(absent, inconclusive, refused))
		}
	})
}

func hasNote(r diagnose.Report, code string) bool {
	for _, n := range r.Notes {
		if string(n.Code) == code {
			return true
		}
	}
	return false
}

// DNAME tricks: a whole tree renamed into somebody else's.
func TestT25TreesRenamed(t *testing.T) {
	everywhere(t, onRecord, func(c *check) {
		zone := c.Zone(c.claim)
		// The victim's subtree points into the attacker's, which has the proof
		// of a claim on the target's name, not on the victim's.
		zone.Add("www", "DNAME", "evil.net.")
		other := fresh(c.t, "evil.net", c.claim.Profile)
		c.Place(c.m, other)
		c.deny(c.try(), nil)
		// A DNAME onto itself, and two in a circle.
		zone.Remove("www", "").Add("www", "DNAME", "x.www.example.com.")
		c.deny(c.try(), nil)
		zone.Remove("www", "").Add("www", "DNAME", "b.example.com.").Add("b", "DNAME", "www.example.com.")
		c.deny(c.try(), nil)
		// Growth until the name is too long.
		zone.Remove("www", "").Add("www", "DNAME", strings.Repeat("a", 60)+"."+strings.Repeat("b", 60)+"."+strings.Repeat("c", 60)+"."+strings.Repeat("d", 40)+".com.")
		c.deny(c.try(), nil)
		// Synthesised by a server that lies about it.
		zone.Remove("www", "").Remove("b", "")
		for _, s := range zone.Servers() {
			s.Only("www", "DNAME", "evil.net.")
			s.Only(c.ch.Record.Name+".", "CNAME", "evil.net.")
		}
		c.deny(c.try(), nil)
	})
	// CNAME loops and long chains for the web methods.
	everywhere(t, nil, func(c *check) {
		zone := c.Net.Zone("example.com")
		name := "www"
		if c.ch.Record != nil {
			name = strings.TrimSuffix(c.ch.Record.Name, ".example.com")
		}
		zone.Add(name, "CNAME", "l2.example.com.").Add("l2", "CNAME", name+".example.com.")
		c.deny(c.try(), any_(mismatch, inconclusive, absent, refused))
		zone.Remove(name, "")
		zone.Add(name, "CNAME", "c0.example.com.")
		for i := range 40 {
			zone.Add(fmt.Sprintf("c%d", i), "CNAME", fmt.Sprintf("c%d.example.com.", i+1))
		}
		c.Net.ResetHistory()
		c.deny(c.try(), any_(mismatch, inconclusive, absent, refused))
		if n := len(c.Net.QueriesFor("c30.example.com", "")); n > 0 {
			c.t.Errorf("the chain was followed to its 30th alias")
		}
	})
}
