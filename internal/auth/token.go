package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"hash/crc32"
	"strings"
)

// A token is "zhp_" and 40 characters of lower-case base32: 168 random bits
// and a CRC-32 of the prefix and these bits. Secret scanners find it by
// zhp_[a-z2-7]{40} and drop false hits by the checksum; so do we, before the
// database is asked.
const (
	TokenPrefix = "zhp_"
	TokenLength = len(TokenPrefix) + 40

	randomBytes = 21
	shownChars  = len(TokenPrefix) + 6 // of Token.Prefix, shown to people
)

var encoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

func checksum(random []byte) uint32 {
	return crc32.Update(crc32.ChecksumIEEE([]byte(TokenPrefix)), crc32.IEEETable, random)
}

// newToken makes a token. crypto/rand never fails (it ends the process).
func newToken() string {
	raw := make([]byte, randomBytes, randomBytes+4)
	_, _ = rand.Read(raw)
	raw = binary.BigEndian.AppendUint32(raw, checksum(raw))
	return TokenPrefix + encoding.EncodeToString(raw)
}

// WellFormed reports whether the text has the form and the checksum of a
// token. It says nothing of its being valid.
func WellFormed(token string) bool {
	text, ok := strings.CutPrefix(token, TokenPrefix)
	if !ok || len(token) != TokenLength {
		return false
	}
	for i := range len(text) { // the decoder would skip line breaks
		if c := text[i]; (c < 'a' || c > 'z') && (c < '2' || c > '7') {
			return false
		}
	}
	var raw [randomBytes + 4]byte
	if n, err := encoding.Decode(raw[:], []byte(text)); err != nil || n != len(raw) {
		return false
	}
	return binary.BigEndian.Uint32(raw[randomBytes:]) == checksum(raw[:randomBytes])
}

func hash(token string) [32]byte { return sha256.Sum256([]byte(token)) }
