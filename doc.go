// Package zonehold holds the words of domain verification: hostnames, methods,
// challenges, attempts, states, and the rules that bind them. It does no I/O.
//
// To check a proof from your own program, see the packages verify (one method
// at a time) and diagnose (the same, with the true reason for a "no").
package zonehold
