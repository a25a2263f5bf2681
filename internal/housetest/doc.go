// Package housetest holds the rules of the house as tests over the source
// tree: who may import whom, who may dial, where SQL stands. It has no code
// of its own. Each rule is shown to catch a small package that breaks it.
//
// A new package needs a row in table_test.go; an exception needs a line with
// its reason in the list of the rule.
package housetest
