package webmaster

import (
	"slices"
	"strings"

	"github.com/zonehold/zonehold"
)

// Values of ApiVerificationState.
const (
	stateNone       = "NONE"
	stateVerified   = "VERIFIED"
	stateInProgress = "IN_PROGRESS"
	stateFailed     = "VERIFICATION_FAILED"
	stateInternal   = "INTERNAL_ERROR"
)

// Values of ApiVerificationType.
const (
	typeAuto      = "AUTO"
	typeDelegated = "DELEGATED"
	typeDNS       = "DNS"
	typeHTMLFile  = "HTML_FILE"
	typeMetaTag   = "META_TAG"
	typePDD       = "PDD"
	typeTXTFile   = "TXT_FILE"
	typeWHOIS     = "WHOIS" // v3 only
)

// Values of ApiVerificationFailReason.
const (
	reasonDelegation = "DELEGATION_CANCELLED"
	reasonDNS        = "DNS_RECORD_NOT_FOUND"
	reasonMetaTag    = "META_TAG_NOT_FOUND"
	reasonPDD        = "PDD_VERIFICATION_CANCELLED"
	reasonHTMLFile   = "WRONG_HTML_PAGE_CONTENT"
	reasonWHOIS      = "WHOIS_EMAIL_NOT_FOUND" // v3 only
)

// naming is how a method of ours is called here. Clients have closed enums,
// so a method that the dialect does not know takes the nearest value (rule 3).
type naming struct{ kind, reason string }

var namings = map[zonehold.Method]naming{
	zonehold.MethodDNSTXT:         {typeDNS, reasonDNS},
	zonehold.MethodDNSCNAME:       {typeDNS, reasonDNS},
	zonehold.MethodAWSRoute53:     {typeDNS, reasonDNS},
	zonehold.MethodCloudflare:     {typeDNS, reasonDNS},
	zonehold.MethodFile:           {typeHTMLFile, reasonHTMLFile},
	zonehold.MethodTXTFile:        {typeTXTFile, reasonHTMLFile},
	zonehold.MethodMetaTag:        {typeMetaTag, reasonMetaTag},
	zonehold.MethodPDD:            {typePDD, reasonPDD},
	zonehold.MethodDelegated:      {typeDelegated, reasonDelegation},
	zonehold.MethodExistingDomain: {typeDelegated, reasonDelegation},
	zonehold.MethodWhitelist:      {typeDelegated, reasonDelegation},
	zonehold.MethodWHOIS:          {typeWHOIS, reasonWHOIS},
	zonehold.MethodAuto:           {typeAuto, reasonMetaTag},
	zonehold.MethodWaved:          {typeAuto, reasonMetaTag},
	zonehold.MethodBackOffice:     {typeAuto, reasonMetaTag},
	zonehold.MethodEmail:          {typeAuto, reasonMetaTag},
}

// name finds the type and the fail reason of a method in this version. No
// method yet, or no single one, is META_TAG: the type is never null (rule 10).
func (v version) name(m zonehold.Method) naming {
	if m == "" {
		return namings[zonehold.MethodMetaTag]
	}
	n, ok := namings[m]
	switch {
	case !ok:
		return namings[zonehold.MethodAuto]
	case n.kind == typeWHOIS && !v.v3():
		return naming{typeAuto, reasonDNS}
	}
	return n
}

// explicit lists ApiExplicitVerificationType, what a client may ask for, in
// the order of the live service.
var explicit = []struct {
	kind   string
	method zonehold.Method
}{
	{typeMetaTag, zonehold.MethodMetaTag},
	{typeHTMLFile, zonehold.MethodFile},
	{typeDNS, zonehold.MethodDNSTXT},
	{typeWHOIS, zonehold.MethodWHOIS},
}

// explicitTypes are the types that this version lets a client ask for.
func (v version) explicitTypes() []string {
	var kinds []string
	for _, e := range explicit {
		if e.kind != typeWHOIS || v.v3() {
			kinds = append(kinds, e.kind)
		}
	}
	return kinds
}

// method finds the method of a type that a client asks for.
func (v version) method(kind string) (zonehold.Method, bool) {
	if !slices.Contains(v.explicitTypes(), kind) {
		return "", false
	}
	for _, e := range explicit {
		if e.kind == kind {
			return e.method, true
		}
	}
	return "", false
}

// applicable lists the types that work for these challenges.
func (v version) applicable(cs []zonehold.Challenge) []string {
	kinds := []string{}
	for _, kind := range v.explicitTypes() {
		m, _ := v.method(kind)
		if c, ok := challenge(cs, m); ok && c.Applicable {
			kinds = append(kinds, kind)
		}
	}
	return kinds
}

func challenge(cs []zonehold.Challenge, m zonehold.Method) (zonehold.Challenge, bool) {
	i := slices.IndexFunc(cs, func(c zonehold.Challenge) bool { return c.Method == m })
	if i < 0 {
		return zonehold.Challenge{}, false
	}
	return cs[i], true
}

// oneOf words a choice: "META_TAG, HTML_FILE or DNS".
func oneOf(words []string) string {
	last := len(words) - 1
	if last < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:last], ", ") + " or " + words[last]
}
