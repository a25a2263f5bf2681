// Package attacktest plays the attacker, one test for each threat that the
// product withstands, at the level its users meet: whole checks with their
// diagnosis, against a fake internet where the attacker owns what attackers
// own (name servers, web servers, redirect targets, timing, a second
// account), and the service with its HTTP dialects on both databases.
//
// The numbers in the names of the tests are those of the comments "threat Tn"
// in the code.
package attacktest
