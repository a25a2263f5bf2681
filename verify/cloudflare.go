package verify

import "github.com/zonehold/zonehold"

// cloudflare accepts a name whose zone in use is an active zone of a connected
// Cloudflare account.
var cloudflare = provider(zonehold.MethodCloudflare, "Cloudflare")
