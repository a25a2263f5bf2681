package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/zonehold/zonehold/internal/app"
	"github.com/zonehold/zonehold/internal/notify"
	"github.com/zonehold/zonehold/verify"
)

// provider makes a package's own type of account the one that the use cases
// know.
type provider[A verify.ZoneAccount] struct {
	open func(id, name string, credentials map[string]string) (A, error)
	test func(ctx context.Context, credentials map[string]string) (string, error)
}

func (p provider[A]) Open(id, name string, credentials map[string]string) (verify.ZoneAccount, error) {
	a, err := p.open(id, name, credentials)
	if err != nil {
		return nil, err
	}
	return a, nil
}

func (p provider[A]) Test(ctx context.Context, credentials map[string]string) (string, error) {
	return p.test(ctx, credentials)
}

// sender gives mail the errors that the use cases know.
type sender struct{ *notify.Mail }

func (s sender) Send(ctx context.Context, to, subject, text string) error {
	err := s.Mail.Send(ctx, to, subject, text)
	switch {
	case errors.Is(err, notify.ErrRefused):
		return fmt.Errorf("%w: %w", app.ErrMailRefused, err)
	case errors.Is(err, notify.ErrDelayed):
		return fmt.Errorf("%w: %w", app.ErrMailDelayed, err)
	}
	return err
}
