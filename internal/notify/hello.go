package notify

import (
	"context"

	"github.com/wneessen/go-mail/smtp"
)

// Hello connects, greets and signs in, without sending anything. Errors are an
// *Error.
func (m *Mail) Hello(ctx context.Context) error {
	return m.session(ctx, func(_ context.Context, s *smtp.Client) error {
		_ = s.Quit() // it has answered
		return nil
	})
}
