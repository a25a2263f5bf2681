package zonehold

import (
	"crypto/sha256"
	"slices"
	"strings"
)

// ProfileName names the set of exact strings that prove a claim.
type ProfileName string

const (
	ProfileZonehold ProfileName = "zonehold"
	ProfileYandex   ProfileName = "yandex"
	ProfileProbely  ProfileName = "probely"
)

// Valid reports whether a profile of that name exists.
func (n ProfileName) Valid() bool { return slices.Contains(ProfileNames(), n) }

// ProfileNames lists the profiles.
func ProfileNames() []ProfileName {
	names := make([]ProfileName, len(profiles))
	for i, p := range profiles {
		names[i] = p.Name
	}
	return names
}

// DefaultCNAMEZone is the zone of CNAME targets while no operator has set
// one; the target need not exist to prove control.
const DefaultCNAMEZone = "dcv.zonehold.invalid"

// Profile holds, for each method, the exact strings that prove a claim. It is
// data: methods know nothing of dialects. The strings are templates over
// {host} (the claimed name), {token} (the secret of the family), {zone} (the
// zone of CNAME targets) and {filename} (see FileName).
type Profile struct {
	Name    ProfileName
	TXT     TXTProof
	CNAME   CNAMEProof
	File    FileProof
	TXTFile string   // path of an empty file
	Tags    []string // meta names, the one to instruct first
}

// TXTProof is a TXT record.
type TXTProof struct {
	Name  string // owner name
	Value string // text to publish
	// KeyValue: the text is space separated key=value with token first, keys in
	// any case; the bare token counts too. Otherwise the text is exactly Value.
	KeyValue bool
}

// CNAMEProof is a CNAME record.
type CNAMEProof struct {
	Name   string // owner name
	Target string
}

// FileProof is a file with a body.
type FileProof struct {
	Path    string
	Body    string
	Compare FileCompare
}

// FileCompare says how a served body is held against the expected one.
type FileCompare string

const (
	// CompareText: the same bytes, outer white space and a byte order mark
	// aside.
	CompareText FileCompare = "text"
	// CompareHTML: the same HTML structure and texts, layout and a doctype
	// aside (contract yandex section 6).
	CompareHTML FileCompare = "html"
)

// ProfileByName finds a profile. The empty name is the zonehold profile.
func ProfileByName(name ProfileName) (Profile, bool) {
	if name == "" {
		name = ProfileZonehold
	}
	for _, p := range profiles {
		if p.Name == name {
			return p, true
		}
	}
	return Profile{}, false
}

// TXTName is the owner name of the TXT record. Like CNAMEName it can be
// longer than MaxHostname for a very long host: the method is then not
// applicable.
func (p Profile) TXTName(host Hostname) string { return expand(p.TXT.Name, host, "", "") }

// TXTValue is the text of the TXT record.
func (p Profile) TXTValue(token string) string { return expand(p.TXT.Value, "", token, "") }

// CNAMEName is the owner name of the CNAME record.
func (p Profile) CNAMEName(host Hostname, token string) string {
	return expand(p.CNAME.Name, host, token, "")
}

// CNAMETarget is where the CNAME record has to point; zone "" is
// DefaultCNAMEZone.
func (p Profile) CNAMETarget(token, zone string) string {
	if zone == "" {
		zone = DefaultCNAMEZone
	}
	return expand(p.CNAME.Target, "", token, zone)
}

// FilePath is the absolute path of the file.
func (p Profile) FilePath(token string) string { return expand(p.File.Path, "", token, "") }

// FileBody is the body to serve at FilePath.
func (p Profile) FileBody(token string) string { return expand(p.File.Body, "", token, "") }

// TXTFilePath is the absolute path of the empty file.
func (p Profile) TXTFilePath(token string) string { return expand(p.TXTFile, "", token, "") }

// TagNames are the names under which the meta tag counts, the one to
// instruct first.
func (p Profile) TagNames() []string { return slices.Clone(p.Tags) }

// TagHTML is the meta tag to put into the head of the home page.
func (p Profile) TagHTML(token string) string {
	return `<meta name="` + p.Tags[0] + `" content="` + token + `">`
}

// FileName derives a file name from the secret of the file family, so that
// the URL does not hold what the body has to (threat T28).
func FileName(token string) string {
	sum := sha256.Sum256([]byte("zonehold file name\n" + token))
	return lowerBase32.EncodeToString(sum[:])[:26]
}

func expand(template string, host Hostname, token, zone string) string {
	if strings.Contains(template, "{filename}") {
		template = strings.ReplaceAll(template, "{filename}", FileName(token))
	}
	return strings.NewReplacer("{host}", string(host), "{token}", token, "{zone}", zone).Replace(template)
}
