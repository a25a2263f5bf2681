package webmaster

import (
	"encoding/xml"
	"time"
)

// The bodies of contract section 2. In XML the root is Data, lists are
// repeated elements without a wrapper, and what is null in JSON is left out.

type userBody struct {
	XMLName xml.Name `json:"-" xml:"Data"`
	UserID  int64    `json:"user_id" xml:"user_id"`
}

type hostsBody struct {
	XMLName xml.Name   `json:"-" xml:"Data"`
	Hosts   []hostItem `json:"hosts" xml:"host"`
}

// hostItem is a host in the list.
type hostItem struct {
	HostID         string    `json:"host_id" xml:"host_id"`
	ASCIIHostURL   string    `json:"ascii_host_url" xml:"ascii_host_url"`
	UnicodeHostURL string    `json:"unicode_host_url" xml:"unicode_host_url"`
	Verified       bool      `json:"verified" xml:"verified"`
	MainMirror     *struct{} `json:"main_mirror" xml:"main_mirror"` // always null: we know of no mirrors
}

// hostBody is one host; its fields come in another order than in the list.
type hostBody struct {
	XMLName         xml.Name  `json:"-" xml:"Data"`
	HostID          string    `json:"host_id" xml:"host_id"`
	Verified        bool      `json:"verified" xml:"verified"`
	ASCIIHostURL    string    `json:"ascii_host_url" xml:"ascii_host_url"`
	UnicodeHostURL  string    `json:"unicode_host_url" xml:"unicode_host_url"`
	MainMirror      *struct{} `json:"main_mirror" xml:"main_mirror"`
	HostDataStatus  *string   `json:"host_data_status" xml:"host_data_status"` // only of a verified host
	HostDisplayName string    `json:"host_display_name" xml:"host_display_name"`
}

type addedBody struct {
	XMLName xml.Name `json:"-" xml:"Data"`
	HostID  string   `json:"host_id" xml:"host_id"`
}

type verificationBody struct {
	XMLName             xml.Name  `json:"-" xml:"Data"`
	UIN                 string    `json:"verification_uin" xml:"verification_uin"`
	State               string    `json:"verification_state" xml:"verification_state"`
	Type                string    `json:"verification_type" xml:"verification_type"`
	LatestTime          *string   `json:"latest_verification_time" xml:"latest_verification_time"`
	FailInfo            *failInfo `json:"fail_info" xml:"fail_info"`
	ApplicableVerifiers []string  `json:"applicable_verifiers" xml:"applicable_verifier"`
}

type failInfo struct {
	Reason  string `json:"reason" xml:"reason"`
	Message string `json:"message" xml:"message"`
}

type ownersBody struct {
	XMLName xml.Name    `json:"-" xml:"Data"`
	Users   []ownerItem `json:"users" xml:"user"`
}

type ownerItem struct {
	UserLogin        string  `json:"user_login" xml:"user_login"`
	VerificationUIN  string  `json:"verification_uin" xml:"verification_uin"`
	VerificationType string  `json:"verification_type" xml:"verification_type"`
	VerificationDate *string `json:"verification_date" xml:"verification_date"`
}

// summaryBody stands for search statistics, which we have none of.
type summaryBody struct {
	XMLName              xml.Name     `json:"-" xml:"Data"`
	SQI                  int          `json:"sqi" xml:"sqi"`
	ExcludedPagesCount   int          `json:"excluded_pages_count" xml:"excluded_pages_count"`
	SearchablePagesCount int          `json:"searchable_pages_count" xml:"searchable_pages_count"`
	SiteProblems         siteProblems `json:"site_problems" xml:"site_problems"`
}

type siteProblems struct {
	Fatal           int `json:"FATAL" xml:"FATAL"`
	Critical        int `json:"CRITICAL" xml:"CRITICAL"`
	PossibleProblem int `json:"POSSIBLE_PROBLEM" xml:"POSSIBLE_PROBLEM"`
	Recommendation  int `json:"RECOMMENDATION" xml:"RECOMMENDATION"`
}

// moscow is the offset of the live service's dates.
var moscow = time.FixedZone("", 3*60*60)

// dateTime prints a time as the live service does, which is not what its
// documents say (contract section 1, dates). A zero time is null.
func dateTime(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	s := t.In(moscow).Format("2006-01-02T15:04:05.000-07:00")
	return &s
}
