package store

import (
	"context"
	"math/bits"
	"strings"

	"github.com/zonehold/zonehold"
)

// A short id is the random end of an id of ours, 68 bits, in 12 characters of
// Base58: what a dialect with ids of that form shows (contract probely,
// section 1). It leads back to the id by an index, so it is stored nowhere,
// and ids that were made before there were short ones have one too.
const (
	shortLen  = 12
	shortTail = 14 // characters of an id; the first one that counts is the 17th
	base58    = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
	base32hex = "0123456789abcdefghijklmnopqrstuv"
)

// ShortID is the short form of an id as zonehold.NewID makes it, with a prefix
// of three letters; "" for anything else.
func ShortID(id string) string {
	prefix, _, _ := strings.Cut(id, "_")
	if len(prefix) != 3 || !zonehold.ValidID(prefix, id) {
		return ""
	}
	var hi, lo uint64
	for _, c := range []byte(id[len(id)-shortTail:]) {
		hi, lo = hi<<5|lo>>59, lo<<5|uint64(strings.IndexByte(base32hex, c))
	}
	hi, lo = hi>>2, hi<<62|lo>>2 // the last two of 70 bits are always zero
	var out [shortLen]byte
	for i := shortLen - 1; i >= 0; i-- {
		var digit uint64
		hi, digit = hi/58, hi%58
		lo, digit = bits.Div64(digit, lo, 58)
		out[i] = base58[digit]
	}
	return string(out[:])
}

// tailOf is the end of the id that the short id stands for.
func tailOf(short string) (string, bool) {
	if len(short) != shortLen {
		return "", false
	}
	var hi, lo uint64
	for _, c := range []byte(short) {
		digit := strings.IndexByte(base58, c)
		if digit < 0 {
			return "", false
		}
		over, product := bits.Mul64(lo, 58)
		sum, carry := bits.Add64(product, uint64(digit), 0)
		hi, lo = hi*58+over+carry, sum
	}
	if hi >= 1<<4 { // 12 characters hold a little more than 68 bits
		return "", false
	}
	hi, lo = hi<<2|lo>>62, lo<<2
	var out [shortTail]byte
	for i := shortTail - 1; i >= 0; i-- {
		out[i] = base32hex[lo&31]
		hi, lo = hi>>5, hi<<59|lo>>5
	}
	return string(out[:]), true
}

// DomainByShortID finds a live domain of the account, or ErrNotFound.
func (s *Store) DomainByShortID(ctx context.Context, accountID, short string) (*Domain, error) {
	tail, ok := tailOf(short)
	if !ok {
		return nil, ErrNotFound
	}
	d, err := scanDomain(s.r.QueryRowContext(ctx, "SELECT "+domainColumns+
		" FROM domains WHERE account_id = $1 AND substr(id, 17) = $2 AND deleted_at = 0", accountID, tail))
	return d, missing("finding a domain", err)
}
