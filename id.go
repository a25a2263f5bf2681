package zonehold

import (
	"crypto/rand"
	"encoding/base32"
	"strings"
	"time"
)

// Prefixes of the ids that are shown outside.
const (
	PrefixAccount = "acc"
	PrefixDomain  = "dom"
	PrefixAttempt = "att"
	PrefixEvent   = "evt"
	PrefixToken   = "tok"

	PrefixPolicy     = "pol"
	PrefixDelegation = "del"
	PrefixConnection = "con"

	PrefixWebhook  = "whk"
	PrefixDelivery = "dlv"
	PrefixContest  = "cnt"
	PrefixTransfer = "trf"
	PrefixKey      = "key"
	PrefixBreaker  = "brk"
)

const idAlphabet = "0123456789abcdefghijklmnopqrstuv"

// The extended hex alphabet keeps the order of the bytes (RFC 4648 section 7).
var idEncoding = base32.NewEncoding(idAlphabet).WithPadding(base32.NoPadding)

// NewID makes an id such as "dom_06c4b1…": the prefix, an underscore, and 26
// characters for 48 bits of Unix milliseconds and 80 random bits. Ids of one
// prefix sort by the time they were made, to the millisecond.
func NewID(prefix string) string { return newID(prefix, time.Now()) }

func newID(prefix string, now time.Time) string {
	var b [16]byte
	ms := uint64(now.UnixMilli())
	for i := range 6 {
		b[i] = byte(ms >> (40 - 8*i))
	}
	rand.Read(b[6:])
	return prefix + "_" + idEncoding.EncodeToString(b[:])
}

// ValidID reports whether id has the form that NewID(prefix) makes.
func ValidID(prefix, id string) bool {
	rest, ok := strings.CutPrefix(id, prefix+"_")
	if !ok || len(rest) != 26 || strings.Trim(rest, idAlphabet) != "" {
		return false
	}
	// 26 characters hold 130 bits: the last two are always zero.
	return strings.IndexByte(idAlphabet, rest[25])&3 == 0
}
