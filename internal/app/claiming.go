package app

// Claims are the use cases around names that several accounts have to do with,
// and around their owners.
type Claims interface {
	Contests
	Transfers
	Registrations
}

var _ Claims = (*App)(nil)
