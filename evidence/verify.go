package evidence

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/zonehold/zonehold"
)

// Options of Verify. The zero value checks integrity only.
type Options struct {
	// Keys are the keys that are trusted, got from the service by another way
	// than the bundle. Nil: those in the bundle itself, which shows that
	// nothing was changed since it was made, but not by whom it was made.
	Keys []ed25519.PublicKey
	// DNSSEC validates an answer again by the messages that are with it, and
	// returns the state that they show. Nil: it is not done.
	DNSSEC func(SignedAnswer) (security string, err error)
}

// SignedAnswer is an answer of a name server with what it was judged by.
type SignedAnswer struct {
	Name, Type string
	Zone       string // whose servers were asked
	Security   string // as recorded: "secure" or "insecure"
	At         time.Time
	Message    []byte
	Chain      []ChainStep // from the root down
}

// ChainStep is one zone on the way from the root to an answer.
type ChainStep struct {
	Zone     string
	Security string
	DS, Keys []byte // messages; nil: there is none
}

// Report is what Verify found in a bundle that is intact.
type Report struct {
	Bundle *Bundle
	// Origin: every signature is by a trusted key. False when no keys were
	// given.
	Origin  bool
	Entries []EntryReport
	// Unbroken: all entries follow each other in the chain.
	Unbroken bool
}

// EntryReport is what one entry shows.
type EntryReport struct {
	Link     Link
	Document *Document // nil: none in the bundle
	DNSSEC   []DNSSECResult
	Notes    []string // oddities, in sentences
}

// DNSSECResult is an answer that was validated again.
type DNSSECResult struct {
	Name, Type, Server string
	Recorded, Found    string // states
	Err                error  // why Found is another than Recorded
}

// Confirmed reports that validation came to the same again.
func (r DNSSECResult) Confirmed() bool { return r.Err == nil && r.Found == r.Recorded }

// maxValidations bounds the answers of one bundle that are validated again.
const maxValidations = 2000

// Verify checks a bundle: its form, every hash, every link, every signature,
// and that documents say what their links say. It needs nothing but the
// bundle. The error is one of ErrForm, ErrBroken and ErrUntrusted, or that of
// r.
func Verify(r io.Reader, opts Options) (*Report, error) {
	b, err := read(r)
	if err != nil {
		return nil, err
	}
	c := checker{b: b, opts: opts, keys: map[string]ed25519.PublicKey{}, blobs: map[Hash][]byte{}, used: map[Hash]bool{}, usedKeys: map[string]bool{}}
	for _, step := range []func() error{c.readKeys, c.checkSeal, c.readBlobs, c.checkCheckpoint, c.checkEntries, c.checkUse} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	c.report.Bundle, c.report.Origin = b, opts.Keys != nil
	return &c.report, nil
}

type checker struct {
	b        *Bundle
	opts     Options
	keys     map[string]ed25519.PublicKey
	usedKeys map[string]bool
	blobs    map[Hash][]byte
	used     map[Hash]bool
	checked  int // answers that were to be validated again
	report   Report
}

func (c *checker) readKeys() error {
	trusted := map[string]bool{}
	for _, k := range c.opts.Keys {
		trusted[KeyID(k)] = true
	}
	if len(c.b.Keys) > maxKeys {
		return fmt.Errorf("%w: more than %d keys", ErrForm, maxKeys)
	}
	last := ""
	for _, k := range c.b.Keys {
		public, err := k.Public()
		if err != nil {
			return broken("a key: %w", err)
		}
		if k.ID <= last {
			return fmt.Errorf("%w: its keys are not in order", ErrForm)
		}
		if last = k.ID; c.opts.Keys != nil && !trusted[k.ID] {
			return fmt.Errorf("%w: %s", ErrUntrusted, k.ID)
		}
		c.keys[k.ID] = public
	}
	return nil
}

func (c *checker) key(id string) (ed25519.PublicKey, error) {
	k := c.keys[id]
	if k == nil {
		return nil, fmt.Errorf("its key %.60q is not in the bundle", id)
	}
	c.usedKeys[id] = true
	return k, nil
}

func (c *checker) checkSeal() error {
	k, err := c.key(c.b.KeyID)
	if err == nil {
		err = c.b.signedBy(k)
	}
	if err != nil {
		return broken("the bundle: %w", err)
	}
	return nil
}

func (c *checker) readBlobs() error {
	var last Hash
	for i, blob := range c.b.Blobs {
		if HashOf(blob.Data) != blob.SHA256 {
			return broken("blob %d: its hash is not that of its data", i+1)
		}
		if i > 0 && bytes.Compare(blob.SHA256[:], last[:]) <= 0 {
			return fmt.Errorf("%w: its blobs are not in order", ErrForm)
		}
		last = blob.SHA256
		c.blobs[blob.SHA256] = blob.Data
	}
	return nil
}

func (c *checker) checkCheckpoint() error {
	p := c.b.Checkpoint
	if p == nil {
		return nil
	}
	k, err := c.key(p.KeyID)
	if err == nil {
		err = p.Verify(c.b.AccountID, k)
	}
	if err != nil {
		return broken("the checkpoint: %w", err)
	}
	return nil
}

func (c *checker) checkEntries() error {
	switch c.b.Scope {
	case ScopeAttempt, ScopeDomain, ScopeChain:
	default:
		return fmt.Errorf("%w: unknown scope", ErrForm)
	}
	if c.b.Scope == ScopeAttempt && len(c.b.Entries) != 1 {
		return broken("a bundle of one check has one entry")
	}
	c.report.Unbroken = true
	attempts := map[string]bool{}
	var before *Link
	for i := range c.b.Entries {
		e := &c.b.Entries[i]
		l := &e.Link
		k, err := c.key(l.KeyID)
		if err == nil {
			err = l.Verify(c.b.AccountID, k)
		}
		if err == nil {
			err = c.inPlace(before, l)
		}
		if err == nil && attempts[l.AttemptID] {
			err = fmt.Errorf("the check %s is there already", l.AttemptID)
		}
		if err == nil && (c.b.Scope != ScopeChain) && (l.DomainID != c.b.DomainID || l.Hostname != c.b.Hostname) {
			err = fmt.Errorf("it is about another domain than the bundle")
		}
		if err != nil {
			return broken("link %d: %w", l.Seq, err)
		}
		attempts[l.AttemptID] = true
		out := EntryReport{Link: *l}
		if e.Document != nil {
			if err := c.document(e, &out); err != nil {
				return broken("the document of check %s: %w", l.AttemptID, err)
			}
		}
		c.report.Entries = append(c.report.Entries, out)
		before = l
	}
	return nil
}

// inPlace checks a link against the one before it in the bundle, the head and
// the checkpoint.
func (c *checker) inPlace(before, l *Link) error {
	head, cut := c.b.Head, c.b.Checkpoint
	switch {
	case l.Seq > head.Seq:
		return fmt.Errorf("the chain ends with link %d", head.Seq)
	case l.Seq == head.Seq && l.Hash != head.Hash:
		return fmt.Errorf("it is the last one, and the head of the chain is another")
	case cut != nil && l.Seq == cut.Seq && l.Hash != cut.Hash:
		return fmt.Errorf("the checkpoint is at this link and names another")
	case cut != nil && l.Seq == cut.Seq+1 && l.Previous != cut.Hash:
		return fmt.Errorf("it does not follow the checkpoint")
	case before == nil:
		return nil
	case l.Seq <= before.Seq:
		return fmt.Errorf("it stands behind link %d: a fork", before.Seq)
	case l.Seq > before.Seq+1:
		c.report.Unbroken = false
		if c.b.Scope == ScopeChain {
			return fmt.Errorf("there is a gap after link %d", before.Seq)
		}
	case l.Previous != before.Hash:
		return fmt.Errorf("it does not follow link %d", before.Seq)
	}
	return nil
}

// document checks one document against its link.
func (c *checker) document(e *Entry, out *EntryReport) error {
	l := &e.Link
	if HashOf(e.Document) != l.BodySHA256 {
		return fmt.Errorf("its hash is not the one in the chain")
	}
	var doc Document
	if err := json.Unmarshal(e.Document, &doc); err != nil {
		return fmt.Errorf("it cannot be read: %w", err)
	}
	if doc.AttemptID != l.AttemptID || doc.DomainID != l.DomainID || doc.Hostname != "" && doc.Hostname != string(l.Hostname) {
		return fmt.Errorf("it is about another check")
	}
	if doc.Outcome != string(l.Outcome) {
		out.Notes = append(out.Notes, fmt.Sprintf("The check saw %s; it was recorded as %s, because something else decided.", doc.Outcome, l.Outcome))
	}
	for i := range doc.Chains {
		for _, h := range []Hash{doc.Chains[i].DSSHA256, doc.Chains[i].KeysSHA256} {
			if h == (Hash{}) {
				continue
			}
			if _, ok := c.blobs[h]; !ok {
				return fmt.Errorf("a DNS message that it names is not in the bundle")
			}
			c.used[h] = true
		}
	}
	out.Document = &doc
	if c.opts.DNSSEC == nil {
		return nil
	}
	answers := []*Answer{doc.Control}
	for i := range doc.Lookups {
		for j := range doc.Lookups[i].Hops {
			answers = append(answers, &doc.Lookups[i].Hops[j])
		}
	}
	for _, a := range answers {
		if a != nil {
			c.validate(&doc, a, out)
		}
	}
	return nil
}

// validate validates what the servers said of one name again.
func (c *checker) validate(doc *Document, a *Answer, out *EntryReport) {
	for i := range a.Servers {
		s := &a.Servers[i]
		if s.Chain == nil || len(s.Message) == 0 || s.Security != "secure" && s.Security != "insecure" {
			continue
		}
		if c.checked++; c.checked > maxValidations {
			if c.checked == maxValidations+1 {
				out.Notes = append(out.Notes, fmt.Sprintf("The answers from here on are not validated again: that is done for %d of a bundle.", maxValidations))
			}
			return
		}
		r := DNSSECResult{Name: a.Name, Type: a.Type, Server: s.Server, Recorded: s.Security}
		steps, err := c.chain(doc, *s.Chain)
		if err != nil {
			r.Err = err
		} else {
			r.Found, r.Err = c.opts.DNSSEC(SignedAnswer{
				Name: a.Name, Type: a.Type, Zone: a.Zone, Security: s.Security, Message: s.Message, Chain: steps,
				At: doc.StartedAt.Add(time.Duration(doc.DurationMS) * time.Millisecond),
			})
		}
		out.DNSSEC = append(out.DNSSEC, r)
	}
}

// chain lists the zones from the root to the one at place i of the list.
func (c *checker) chain(doc *Document, i int) ([]ChainStep, error) {
	var steps []ChainStep
	for {
		if i < 0 || i >= len(doc.Chains) || len(steps) > 128 {
			return nil, fmt.Errorf("the list of zones has no such place")
		}
		z := &doc.Chains[i]
		step := ChainStep{Zone: z.Zone, Security: z.Security, DS: z.DS, Keys: z.Keys}
		if z.DSSHA256 != (Hash{}) {
			step.DS = c.blobs[z.DSSHA256]
		}
		if z.KeysSHA256 != (Hash{}) {
			step.Keys = c.blobs[z.KeysSHA256]
		}
		steps = append([]ChainStep{step}, steps...)
		if z.Above == nil {
			return steps, nil
		}
		i = *z.Above
	}
}

// checkUse refuses what is in the bundle for nothing.
func (c *checker) checkUse() error {
	if len(c.usedKeys) != len(c.keys) {
		return fmt.Errorf("%w: it has keys that signed nothing in it", ErrForm)
	}
	if len(c.used) != len(c.blobs) {
		return fmt.Errorf("%w: it has blobs that no document names", ErrForm)
	}
	return nil
}

// Verified reports whether the entry says that the claim was proved.
func (e *EntryReport) Verified() bool { return e.Link.Outcome == zonehold.OutcomeVerified }
