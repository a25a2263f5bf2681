// Package evidence makes and checks evidence that stands up later: bundles of
// what checks saw, each entry a link of its account's hash chain and signed, in
// one canonical form that leaves no byte unchecked. It needs no network and no
// database.
package evidence
