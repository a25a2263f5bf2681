package dns

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/miekg/dns"
)

// ChainLink is one zone on the way from the trust anchor to an answer, with
// the messages that show its keys. Of a message the id is 0, the name in the
// question is in lower case, and the additional section is left out. Links are
// shared and not to be changed.
type ChainLink struct {
	Zone string // "" is the root
	// Security is secure where Keys shows the keys of the zone, or insecure
	// where DS shows that it has none that could be followed.
	Security Security
	DS       []byte // what the zone above says of the DS records; nil at the root
	Keys     []byte // the DNSKEY records, by a server of the zone
	Above    *ChainLink
	// Public: the root, a top-level domain or a public suffix. The keys of
	// these stand in the chains of very many names.
	Public bool
}

func signedLink(zone string, by trusted, a *ServerAnswer) *ChainLink {
	return &ChainLink{Zone: zone, Security: SecuritySecure, DS: bare(by.by), Keys: bare(a.Wire), Above: by.above, Public: isPublicZone(zone)}
}

// unsignedLink is the link of a zone of which the zone above, in the answer a,
// says that it is unsigned. Below an unsigned zone there is nothing to add.
func unsignedLink(zone string, above *ChainLink, a *ServerAnswer) *ChainLink {
	if above != nil && above.Security != SecuritySecure {
		return above
	}
	return &ChainLink{Zone: zone, Security: SecurityInsecure, DS: bare(a.Wire), Above: above, Public: isPublicZone(zone)}
}

// bare is the part of a message that is validated, the same each time as far
// as that is possible. A message that is bare already stays as it is.
func bare(wire []byte) []byte {
	if len(wire) < headerSize {
		return nil
	}
	b := bytes.Clone(wire)
	b[0], b[1] = 0, 0
	off := headerSize
	for range int(binary.BigEndian.Uint16(b[4:])) {
		_, next, err := readWireName(b, off, false)
		if err != nil || next+4 > len(b) {
			return nil
		}
		for i := off; i < next && b[i] < 0xc0; i++ {
			b[i] = lower(b[i]) // lengths of labels are below the letters
		}
		off = next + 4
	}
	for range int(binary.BigEndian.Uint16(b[6:])) + int(binary.BigEndian.Uint16(b[8:])) {
		_, next, err := readWireName(b, off, false)
		if err != nil || next+10 > len(b) {
			return nil
		}
		if off = next + 10 + int(binary.BigEndian.Uint16(b[next+8:])); off > len(b) {
			return nil
		}
	}
	b[10], b[11] = 0, 0
	return b[:off:off]
}

// Recorded is an answer of a server with what it was judged by.
type Recorded struct {
	Zone    string // whose server gave it
	Name    string
	Type    uint16
	Message []byte
	Chain   *ChainLink
}

// maxLinks is more than any name has labels.
const maxLinks = 128

var errChain = errors.New("the chain of trust is not complete")

// Revalidate judges a recorded answer by nothing but what is recorded with it,
// as of the given time. Anchors nil are those of IANA. The state is that of
// the answer; where it is neither secure nor insecure the error says why.
func Revalidate(rec Recorded, at time.Time, anchors []TrustAnchor) (Security, error) {
	if anchors == nil {
		anchors = builtinAnchors()
	}
	r := &Resolver{cfg: Config{TrustAnchors: anchors, Now: func() time.Time { return at }}}
	w := new(work)
	w.labour.left, w.labour.proven = 2*maxWork, &r.proven
	var links []*ChainLink
	for l := rec.Chain; l != nil; l = l.Above {
		if links = append(links, l); len(links) > maxLinks {
			return SecurityIndeterminate, errChain
		}
	}
	slices.Reverse(links)
	q, err := newQuestion(rec.Name, rec.Type)
	if err != nil {
		return SecurityIndeterminate, err
	}
	lowest := q.name
	if q.qtype == dns.TypeDS {
		lowest = parentName(lowest)
	}
	k := r.rootKeys(w, links)
	for i := 1; i < len(links) && k.state == SecuritySecure; i++ {
		if !below(links[i].Zone, links[i-1].Zone) {
			return SecurityIndeterminate, errChain
		}
		k = r.keysBelow(w, k, links[i])
	}
	switch {
	case k.state != SecuritySecure && k.state != SecurityInsecure && k.fault != nil:
		return k.state, k.fault
	case k.state != SecuritySecure && k.state != SecurityInsecure || !within(lowest, k.zone):
		return SecurityIndeterminate, errChain
	case k.state == SecurityInsecure:
		return k.state, nil
	}
	a, err := reread(rec.Message, rec.Zone, q)
	if err != nil {
		return SecurityIndeterminate, err
	}
	sets, err := readSets(a.Wire)
	if err != nil {
		return SecurityBogus, err
	}
	v := r.evaluate(w, k, sets, q, a)
	if v.fault != nil {
		return v.state, v.fault
	}
	return v.state, nil
}

// rootKeys accepts the keys of the root.
func (r *Resolver) rootKeys(w *work, links []*ChainLink) *zoneKeys {
	if len(links) == 0 || links[0].Zone != "" || len(links[0].Keys) == 0 {
		return &zoneKeys{state: SecurityIndeterminate}
	}
	by := trusted{until: r.cfg.Now().Add(time.Hour)}
	for _, a := range r.cfg.TrustAnchors {
		by.ds = append(by.ds, delegationKey{a.KeyTag, a.Algorithm, a.DigestType, a.Digest})
	}
	return r.acceptKeys(w, "", &ServerAnswer{Wire: links[0].Keys}, by)
}

// keysBelow goes on from the keys of one zone to those of one below it.
func (r *Resolver) keysBelow(w *work, above *zoneKeys, l *ChainLink) *zoneKeys {
	unknown := &zoneKeys{zone: l.Zone, state: SecurityIndeterminate}
	q, err := newQuestion(l.Zone, dns.TypeDS)
	if err != nil {
		return unknown
	}
	a, err := reread(l.DS, above.zone, q)
	if err != nil {
		return unknown
	}
	sets, err := readSets(a.Wire)
	if err != nil {
		return unknown
	}
	v := r.evaluate(w, above, sets, q, a)
	insecure := &zoneKeys{zone: l.Zone, state: SecurityInsecure}
	switch {
	case v.state == SecurityInsecure:
		return insecure
	case v.state != SecuritySecure:
		return &zoneKeys{zone: l.Zone, state: v.state, fault: v.fault}
	case v.kind == KindNoData && v.proof.types.has(dns.TypeNS):
		return insecure
	case v.kind != KindData:
		return unknown
	}
	by := trusted{until: r.cfg.Now().Add(time.Hour)}
	for _, rdata := range v.set.rdata {
		if d, ok := readDS(rdata); ok {
			by.ds = append(by.ds, d)
		}
	}
	if by.ds = usableDS(by.ds); len(by.ds) == 0 {
		return insecure
	}
	return r.acceptKeys(w, l.Zone, &ServerAnswer{Wire: l.Keys}, by)
}

// reread interprets a recorded message as the answer of a server of zone.
func reread(wire []byte, zone string, q *question) (*ServerAnswer, error) {
	m, err := parseMessage(wire)
	if err != nil {
		return nil, err
	}
	a := &ServerAnswer{Wire: wire}
	if interpret(a, m, zone, q, false); a.Status != StatusOK {
		return nil, fmt.Errorf("the message is no answer to the question: %w", a.Err)
	}
	return a, nil
}
