package problem_test

import (
	"fmt"

	"github.com/zonehold/zonehold/problem"
)

func ExampleNew() {
	p := problem.New("dns_doubled_label", problem.Facts{
		problem.FactType:         "TXT",
		problem.FactName:         "_zonehold-challenge.example.com",
		problem.FactRelativeName: "_zonehold-challenge",
		problem.FactWhere:        "_zonehold-challenge.example.com.example.com",
		problem.FactServer:       "ns1.example.net",
	})
	fmt.Println(p.Title)
	fmt.Println(p.Found)
	fmt.Println(p.Fixes[0])
	fmt.Println(p.SeeItYourself)
	// Output:
	// The record is one level too deep
	// Nothing is there. The right value is at _zonehold-challenge.example.com.example.com (the domain stands in it twice).
	// Edit the name of the record: enter only _zonehold-challenge in the name field.
	// dig +norecurse TXT _zonehold-challenge.example.com.example.com @ns1.example.net
}

func ExampleClean() {
	fmt.Println(problem.Clean("token=\u202eabc\x1b[31m", 160))
	// Output: token=\u202eabc\x1b[31m
}
