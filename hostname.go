package zonehold

// Hostname is a checked DNS name: lower-case A-labels, no final dot, at least
// two labels, not an address in any disguise. Make one with ParseHostname.
type Hostname string
