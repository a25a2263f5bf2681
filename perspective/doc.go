// Package perspective has the same check made from other networks, and says
// what follows from their answers.
//
// Whoever holds the way between one network and a domain can answer in the
// domain's name there (threat T21). A perspective is this very program in
// another network. It is asked over mutually authenticated TLS 1.3 to make one
// check of one claim, begins it with nothing learnt before, and reports what it
// saw; Judge holds the answers against a quorum, such as that of the Baseline
// Requirements, section 3.2.2.9.
package perspective
