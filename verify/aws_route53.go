package verify

import "github.com/zonehold/zonehold"

// awsRoute53 accepts a name whose zone in use is a public hosted zone of a
// connected AWS account.
var awsRoute53 = provider(zonehold.MethodAWSRoute53, "Amazon Route 53")
