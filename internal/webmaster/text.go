package webmaster

// Bounds of texts in replies, in characters.
const (
	maxEcho    = 300  // what the client sent
	maxPart    = 400  // one part of a message
	maxMessage = 1000 // an error_message or fail_info.message
)
