package notify

import (
	"errors"
	"testing"

	"github.com/zonehold/zonehold/testnet"
)

// Hello signs in and sends nothing.
func TestHello(t *testing.T) {
	n := network(t)
	s := n.MailServer(testnet.MailOptions{})
	m := mailer(t, n, s.URL())
	if err := m.Hello(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := s.Mails(); len(got) != 0 {
		t.Errorf("%d mails", len(got))
	}
	for _, fault := range []testnet.MailFault{testnet.MailFaultNoService, testnet.MailFaultGarbage, testnet.MailFaultHugeBanner, testnet.MailFaultBadTLS} {
		s.Fault(fault, 1)
		if err := m.Hello(t.Context()); !errors.Is(err, ErrUnreachable) {
			t.Errorf("fault %v: %v", fault, err)
		}
	}
}
