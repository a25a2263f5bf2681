package httpapi

import (
	"net/http"

	"github.com/zonehold/zonehold"
)

type statusCache struct{}

func (s *server) fastDomain(w http.ResponseWriter, r *http.Request, actor zonehold.Actor) bool {
	return false
}
