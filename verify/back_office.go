package verify

import "github.com/zonehold/zonehold"

// backOffice accepts names that somebody at the operator's approved by hand.
var backOffice = byPolicy(zonehold.MethodBackOffice, "approval_missing")
