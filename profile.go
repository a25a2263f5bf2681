package zonehold

// ProfileName names the set of exact strings that prove a claim.
type ProfileName string

const (
	ProfileZonehold ProfileName = "zonehold"
	ProfileYandex   ProfileName = "yandex"
	ProfileProbely  ProfileName = "probely"
)
