package verify

import "github.com/zonehold/zonehold"

// pdd accepts mail domains that the account has connected to the operator's ownn// mail service (contract yandex, section 6).
var pdd = byPolicy(zonehold.MethodPDD, "mail_domain_not_connected")
