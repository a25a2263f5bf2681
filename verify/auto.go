package verify

import "github.com/zonehold/zonehold"

// auto accepts names below a platform suffix of the operator, who gives them
// out himself (contract yandex, section 6).
var auto = byPolicy(zonehold.MethodAuto, "platform_name_missing")
