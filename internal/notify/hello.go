package notify

import (
	"context"
)

// Hello connects, greets and signs in, without sending anything. Errors are an
// *Error.
func (m *Mail) Hello(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, m.limit)
	defer cancel()
	conn, err := m.dial(ctx, "tcp", m.relay.Endpoint())
	if err != nil {
		return failed(ctx, ErrUnreachable, "connecting", err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	s, err := m.greet(ctx, &bounded{Conn: conn, left: readLimit})
	if err != nil {
		return err
	}
	_ = s.Quit() // it has answered
	return nil
}
