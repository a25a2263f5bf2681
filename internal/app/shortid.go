package app

import "github.com/zonehold/zonehold/internal/store"

// ShortID is the short form of an id (12 characters of Base58), by which
// Service finds domains too. "" for what is no id of ours.
func ShortID(id string) string { return store.ShortID(id) }
