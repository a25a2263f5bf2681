package dns

import (
	"errors"
	"time"
)

// Security is the DNSSEC state of an answer (RFC 4035 section 4.3).
type Security string

const (
	// SecuritySecure: signatures lead from the trust anchor to the answer.
	SecuritySecure Security = "secure"
	// SecurityInsecure: the zone is unsigned, and the zones above it prove so.
	SecurityInsecure Security = "insecure"
	// SecurityBogus: the answer should be signed and is not, or wrongly. It
	// must not be believed, neither in what it says nor in what it denies.
	SecurityBogus Security = "bogus"
	// SecurityIndeterminate: no validation was done, or it could not be done
	// because the keys were not to be had; then there is a Fault that says so.
	SecurityIndeterminate Security = "indeterminate"
)

// rank orders states by what counts most for an answer as a whole.
func (s Security) rank() int {
	switch s {
	case SecurityBogus:
		return 3
	case SecurityIndeterminate:
		return 2
	case SecurityInsecure:
		return 1
	}
	return 0
}

// FaultCode names what is wrong with the signatures of an answer.
type FaultCode string

const (
	FaultSignatureExpired     FaultCode = "signature_expired"
	FaultSignatureNotYetValid FaultCode = "signature_not_yet_valid"
	FaultDSMismatch           FaultCode = "ds_mismatch"        // no key of the zone is the one that its parent vouches for
	FaultSignaturesMissing    FaultCode = "signatures_missing" // the zone should be signed
	FaultSignatureWrong       FaultCode = "signature_wrong"    // made with the key, of something else
	FaultNoMatchingKey        FaultCode = "no_matching_key"    // signed with a key that the zone does not list
	FaultDenialMissing        FaultCode = "denial_missing"     // a "no" without proof
	FaultDenialWrong          FaultCode = "denial_wrong"       // the proof does not fit the question
	FaultTooMuchWork          FaultCode = "too_much_work"      // more keys and signatures than any honest zone has
	// FaultKeysUnavailable: nobody answered the question for the keys or for
	// the delegation. It stands with SecurityIndeterminate.
	FaultKeysUnavailable FaultCode = "keys_unavailable"
)

// Fault says why an answer is bogus, or why its state could not be found out.
// It is an error; as such it is ErrBogus or ErrNoKeys.
type Fault struct {
	Code       FaultCode
	Zone       string    // where the chain breaks; "" is the root
	Name       string    // owner of the records that it is about
	Type       uint16    // of these records
	KeyTags    []uint16  // keys that the zone has, or the key of the signature
	DSTags     []uint16  // keys that the parent vouches for
	Inception  time.Time // of the signature, where it is about its dates
	Expiration time.Time
	Text       string // one sentence for people, without a final full stop
}

// Errors that a Fault is.
var (
	ErrBogus  = errors.New("DNSSEC validation fails")
	ErrNoKeys = errors.New("DNSSEC keys cannot be fetched")
)

func (f *Fault) Error() string { return f.Unwrap().Error() + ": " + f.Text }

// Unwrap gives ErrNoKeys or ErrBogus.
func (f *Fault) Unwrap() error {
	if f.Code == FaultKeysUnavailable {
		return ErrNoKeys
	}
	return ErrBogus
}

// judgeAll sets the state of the whole answer: the worst of those that its
// usable servers gave.
func (a *Answer) judgeAll() {
	a.Security, a.Fault = SecurityIndeterminate, nil
	found := false
	for i := range a.Servers {
		s := &a.Servers[i]
		if s.Status == StatusOK && (!found || s.Security.rank() > a.Security.rank()) {
			a.Security, a.Fault, found = s.Security, s.Fault, true
		}
	}
}
