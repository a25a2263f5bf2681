package verify

import "github.com/zonehold/zonehold"

// auto accepts names below a platform suffix of the operator, which gives themn// out itself (contract yandex, section 6).
var auto = byPolicy(zonehold.MethodAuto, "platform_name_missing")
