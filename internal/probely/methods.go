package probely

import (
	"slices"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/app"
)

// Values of verification_method. Clients have a closed list of these and "".
const (
	methodFile           = "file"
	methodBackOffice     = "back_office"
	methodExistingDomain = "existing_domain"
	methodDNSTXT         = "dns_txt"
	methodDNS            = "dns" // the same as dns_txt
	methodDNSCNAME       = "dns_cname"
	methodMetaTag        = "meta_tag"
	methodWhitelist      = "whitelist"
	methodEmail          = "email"
	methodAWSRoute53     = "aws_route53"
	methodCloudflare     = "cloudflare"
	methodWaved          = "waved"
)

// names says how our methods are called here. Those that the dialect does not
// have take the nearest value.
var names = map[zonehold.Method]string{
	zonehold.MethodFile:           methodFile,
	zonehold.MethodBackOffice:     methodBackOffice,
	zonehold.MethodExistingDomain: methodExistingDomain,
	zonehold.MethodDNSTXT:         methodDNSTXT,
	zonehold.MethodDNSCNAME:       methodDNSCNAME,
	zonehold.MethodMetaTag:        methodMetaTag,
	zonehold.MethodWhitelist:      methodWhitelist,
	zonehold.MethodEmail:          methodEmail,
	zonehold.MethodAWSRoute53:     methodAWSRoute53,
	zonehold.MethodCloudflare:     methodCloudflare,
	zonehold.MethodWaved:          methodWaved,

	zonehold.MethodTXTFile:   methodFile,
	zonehold.MethodWHOIS:     methodEmail,          // an address in the registration
	zonehold.MethodDelegated: methodExistingDomain, // rests on the proof of another domain
	zonehold.MethodPDD:       methodWhitelist,      // lists that the operator keeps
	zonehold.MethodAuto:      methodWhitelist,
}

// allMethods are the values in the order of the vendor's list.
var allMethods = []string{
	methodFile, methodBackOffice, methodExistingDomain, methodDNSTXT, methodDNS, methodDNSCNAME, methodMetaTag,
	methodWhitelist, methodEmail, methodAWSRoute53, methodCloudflare, methodWaved,
}

// methodName is the value of verification_method for a method of ours.
func methodName(m zonehold.Method) string {
	if m == "" {
		return ""
	}
	if name, ok := names[m]; ok {
		return name
	}
	return methodBackOffice
}

// requested finds the method that a client asks for by one of the 12 values,
// or says why it cannot.
func requested(value string) (zonehold.Method, string) {
	switch {
	case value == methodDNS:
		return zonehold.MethodDNSTXT, ""
	case value == methodBackOffice || value == methodExistingDomain:
		return "", "This method is read-only: it is set automatically and cannot be asked for."
	case slices.Contains(allMethods, value):
		return zonehold.Method(value), ""
	}
	return "", notAChoice(value)
}

func notAChoice(value string) string {
	return "\"" + app.OneLine(value, maxEcho) + "\" is not a valid choice."
}
