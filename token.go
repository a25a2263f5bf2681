package zonehold

// Tokens are the secrets of one claim, one per family of methods (threat
// T27), each unguessable (T26). In the yandex and probely profiles the
// dialect fixes one value for all families.
type Tokens struct {
	TXT   string `json:"txt"`
	CNAME string `json:"cname"`
	File  string `json:"file"`
	Meta  string `json:"meta"`
}
