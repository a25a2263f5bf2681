package auth

import (
	"context"
	"net/http"
	"net/netip"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/store"
)

type actingKey struct{}

// Acting says who makes the calls with the context, for the audit log.
func Acting(ctx context.Context, actor zonehold.Actor) context.Context {
	return context.WithValue(ctx, actingKey{}, actor)
}

// entry is an entry of the audit log in the account's own log.
func entry(ctx context.Context, account, action, target, name string, detail map[string]any) store.Audit {
	actor, _ := ctx.Value(actingKey{}).(zonehold.Actor)
	actor.Account.ID = account
	return store.NewAudit(actor, action, target, name, detail, time.Now().UTC().Truncate(time.Microsecond))
}

// Traced is the actor with the request that carries the call. The id of the
// request is the one that the reply names.
func Traced(actor zonehold.Actor, w http.ResponseWriter, r *http.Request) zonehold.Actor {
	if id := w.Header()["X-Request-Id"]; len(id) == 1 {
		actor.RequestID = id[0]
	}
	// What proxies write into headers may be written by anybody.
	if addr, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		actor.Address = addr.Addr().Unmap().String()
	}
	return actor
}
