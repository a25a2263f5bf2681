// Package probely speaks the part of the Probely API (Snyk API & Web) in which
// domains are managed and verified, so that its clients can be pointed at
// Zonehold unchanged. The README in this directory lists the subset and where
// it differs.
//
// Where nothing is known of the vendor's replies, they are those of Django
// REST Framework (DRF), with which the vendor's service is built.
package probely
