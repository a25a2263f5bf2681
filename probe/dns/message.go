package dns

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/miekg/dns"
)

// message is an incoming message, read strictly.
type message struct {
	wire      []byte
	rcode     int // with the upper bits of EDNS
	aa, ra    bool
	edns      bool // has an OPT record
	ede       string
	answer    []dns.RR
	authority []dns.RR
	extra     []dns.RR // without OPT
}

var errMessage = errors.New("unusable message")

// parseMessage reads a whole message; wire is kept, not copied. The question,
// if there is one, is only skipped: matches has judged it.
func parseMessage(wire []byte) (*message, error) {
	if len(wire) < headerSize {
		return nil, fmt.Errorf("%w: %d octets", errMessage, len(wire))
	}
	m := &message{
		wire:  wire,
		rcode: int(wire[3] & 0x0f),
		aa:    wire[2]&0x04 != 0,
		ra:    wire[3]&0x80 != 0,
	}
	off := headerSize
	switch binary.BigEndian.Uint16(wire[4:]) {
	case 0:
	case 1:
		_, next, err := dns.UnpackDomainName(wire, off)
		if err != nil || next+4 > len(wire) {
			return nil, fmt.Errorf("%w: bad question", errMessage)
		}
		off = next + 4
	default:
		return nil, fmt.Errorf("%w: more than one question", errMessage)
	}
	var err error
	for i, section := range []*[]dns.RR{&m.answer, &m.authority, &m.extra} {
		count := int(binary.BigEndian.Uint16(wire[6+2*i:]))
		if off, err = m.parseSection(section, count, off); err != nil {
			return nil, err
		}
	}
	if off != len(wire) {
		return nil, fmt.Errorf("%w: %d octets after the end", errMessage, len(wire)-off)
	}
	return m, nil
}

func (m *message) parseSection(section *[]dns.RR, count, off int) (int, error) {
	// A record takes at least 11 octets, so count cannot lie far.
	if count > (len(m.wire)-off)/11 {
		return 0, fmt.Errorf("%w: %d records announced", errMessage, count)
	}
	if count > 0 {
		*section = make([]dns.RR, 0, count)
	}
	for range count {
		rr, next, err := dns.UnpackRR(m.wire, off)
		if err != nil {
			return 0, fmt.Errorf("%w: %w", errMessage, err)
		}
		off = next
		if opt, ok := rr.(*dns.OPT); ok {
			if m.edns || section != &m.extra {
				return 0, fmt.Errorf("%w: stray OPT record", errMessage)
			}
			m.edns = true
			m.rcode |= opt.ExtendedRcode() &^ 0x0f
			m.ede = extendedError(opt)
			continue
		}
		*section = append(*section, rr)
	}
	return off, nil
}

const maxEDEText = 160

// extendedError is the first RFC 8914 option as text, escaped and bounded.
func extendedError(opt *dns.OPT) string {
	for _, o := range opt.Option {
		ede, ok := o.(*dns.EDNS0_EDE)
		if !ok {
			continue
		}
		text := strconv.Itoa(int(ede.InfoCode))
		if name := dns.ExtendedErrorCodeToString[ede.InfoCode]; name != "" {
			text += " " + name
		}
		if ede.ExtraText != "" {
			text += ": " + escapeText(ede.ExtraText, maxEDEText)
		}
		return text
	}
	return ""
}

// escapeText makes foreign text safe to show anywhere: printable ASCII stays,
// all else becomes a Go escape; no more than limit octets of it are shown.
func escapeText(s string, limit int) string {
	cut := ""
	if len(s) > limit {
		s, cut = strings.ToValidUTF8(s[:limit], ""), "…"
	}
	q := strconv.QuoteToASCII(s)
	return strings.ReplaceAll(q[1:len(q)-1], `\"`, `"`) + cut
}
