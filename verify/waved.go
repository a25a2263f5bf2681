package verify

import "github.com/zonehold/zonehold"

// waved accepts names for which an agreement between operator and account takesn// the place of a proof.
var waved = byPolicy(zonehold.MethodWaved, "waiver_missing")
