package verify

import "github.com/zonehold/zonehold"

// whitelist accepts names that the operator has put on a list.
var whitelist = byPolicy(zonehold.MethodWhitelist, "not_whitelisted")
