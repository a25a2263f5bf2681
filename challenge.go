package zonehold

import "time"

// Challenge says what to place, where, so that one method can prove a claim.
// Exactly one of Record, File and Tag is set for the methods that place
// something; none for automatic ones.
type Challenge struct {
	Method     Method
	Applicable bool   // false: this method cannot work here
	Reason     string // why not, in one sentence; empty if applicable
	Automatic  bool   // checked without anything being placed
	Token      string
	ExpiresAt  time.Time // zero: does not expire
	Record     *RecordChallenge
	File       *FileChallenge
	Tag        *TagChallenge
	Proves     Assurance
	Covers     Covers
}

// RecordChallenge is a DNS record to publish.
type RecordChallenge struct {
	Type         string // "TXT" or "CNAME"
	Name         string // full name, no final dot
	RelativeName string // as a panel that appends the registrable domain wants it; "@" for the domain itself
	Value        string // TXT text, or the CNAME target without final dot
	TTL          int    // seconds; any value works
}

// FileChallenge is a file to serve.
type FileChallenge struct {
	Path    string   // absolute path on the host
	URLs    []string // where we look, in order
	Content string   // the exact body to publish; may be empty (txt_file)
}

// TagChallenge is a meta tag for the head of the home page.
type TagChallenge struct {
	Name    string
	Content string
	HTML    string
}
