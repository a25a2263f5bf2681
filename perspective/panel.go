package perspective

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/zonehold/zonehold"
)

// When a perspective counts as down, and how it is tried again then.
const (
	downAfter  = 3 // failures in a row
	firstRetry = 15 * time.Second
	lastRetry  = 10 * time.Minute
)

// Change is a perspective that went down or came back.
type Change struct {
	Name, Region, Network string
	Up                    bool
	Detail                string // why it went down
}

// Status is what is known of a perspective in this process.
type Status struct {
	Name, Region, Network, URL string
	State                      string    // "up", "down", "unknown" while it was never asked
	Since                      time.Time // of the state; zero for unknown
	NextTry                    time.Time // of one that is down
	LastAnswer                 time.Time // zero: none yet
	Took                       time.Duration
	Detail                     string // of the last failure
	Software                   string // as it last said
}

// Panel asks several perspectives. Safe for concurrent use.
type Panel struct {
	members []*member
	// Changed is told of changes, one at a time; set it before the first use.
	// Nil: nobody is.
	Changed func(Change)
	telling sync.Mutex
}

type member struct {
	client *client
	mu     sync.Mutex
	status Status
	failed int           // in a row
	wait   time.Duration // before the next try
	told   string        // state that Changed was told; of who holds Panel.telling
}

// NewPanel checks the remotes: their names and URLs have to differ, because two
// entries for one machine would be counted as two networks.
func NewPanel(remotes []Remote) (*Panel, error) {
	if len(remotes) > MaxRemotes {
		return nil, fmt.Errorf("at most %d perspectives can be asked", MaxRemotes)
	}
	p := &Panel{}
	var errs []error
	names, urls := map[string]bool{}, map[string]bool{}
	for _, r := range remotes {
		c, err := newClient(r)
		switch {
		case err != nil:
		case names[strings.ToLower(r.Name)]:
			err = errors.New("name is used twice")
		case urls[strings.ToLower(c.base)]:
			err = errors.New("url is used twice; one machine is one perspective")
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("perspective %q: %w", r.Name, err))
			continue
		}
		names[strings.ToLower(r.Name)], urls[strings.ToLower(c.base)] = true, true
		p.members = append(p.members, &member{client: c, status: Status{
			Name: r.Name, Region: r.Region, Network: r.Network, URL: r.URL, State: "unknown",
		}})
	}
	return p, errors.Join(errs...)
}

// Len is how many perspectives there are; 0 for a nil Panel.
func (p *Panel) Len() int {
	if p == nil {
		return 0
	}
	return len(p.members)
}

// Regions are those of the perspectives, one for each.
func (p *Panel) Regions() []string {
	if p == nil {
		return nil
	}
	var out []string
	for _, m := range p.members {
		out = append(out, m.client.remote.Region)
	}
	return out
}

// Ask has every perspective make the check, all at the same time, and returns
// one result for each, in the order of the configuration. It returns when all
// have answered or ctx ends. Nothing of an earlier asking is used. A nil Panel
// asks nobody.
func (p *Panel) Ask(ctx context.Context, q Request, ch zonehold.Challenge) []Result {
	if p == nil {
		return nil
	}
	out := make([]Result, len(p.members))
	var wg sync.WaitGroup
	for i, m := range p.members {
		wg.Go(func() {
			if r, down := m.resting(); down {
				out[i] = r
				return
			}
			out[i] = m.client.ask(ctx, q, ch)
			if errors.Is(ctx.Err(), context.Canceled) && out[i].Fault != "" {
				return // it was we who gave up
			}
			if out[i].Fault == FaultTimeout && out[i].hurried {
				return
			}
			p.note(m, out[i].Fault, out[i].Detail, out[i].Took, softwareOf(out[i].Answer))
		})
	}
	wg.Wait()
	return out
}

func softwareOf(a *Answer) string {
	if a == nil {
		return ""
	}
	return a.Software
}

// Check asks each perspective how it is, also those that are down.
func (p *Panel) Check(ctx context.Context) []Status {
	var wg sync.WaitGroup
	for _, m := range p.members {
		wg.Go(func() {
			began := time.Now()
			h, fault, detail := m.client.health(ctx)
			software := ""
			if h != nil {
				software = h.Software
			}
			if fault != "" {
				detail = string(fault) + ": " + detail
			}
			p.note(m, fault, detail, time.Since(began), software)
		})
	}
	wg.Wait()
	return p.Status()
}

// Status is what is known of each perspective, in the order of the
// configuration.
func (p *Panel) Status() []Status {
	if p == nil {
		return nil
	}
	out := make([]Status, len(p.members))
	for i, m := range p.members {
		m.mu.Lock()
		out[i] = m.status
		m.mu.Unlock()
	}
	return out
}

// resting reports whether the perspective is down and its next try lies ahead.
// Of those who find that the time has come, one tries.
func (m *member) resting() (Result, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	if m.status.State != "down" {
		return Result{}, false
	}
	if !now.Before(m.status.NextTry) {
		m.status.NextTry = now.Add(m.wait)
		return Result{}, false
	}
	r := m.client.remote
	return Result{
		Name: r.Name, Region: r.Region, Network: r.Network, Fault: FaultDown, AskedAt: now,
		Detail: "it has not answered since " + m.status.Since.UTC().Format("2006-01-02 15:04 UTC") + " (" + m.status.Detail + ")",
	}, true
}

// note keeps the books of a perspective and tells of changes. One that is full
// is not down, and neither is one whose answer shows no proof: that is for the
// quorum to judge.
func (p *Panel) note(m *member, fault Fault, detail string, took time.Duration, software string) {
	m.mu.Lock()
	now := time.Now()
	s, changed := &m.status, false
	switch fault {
	case FaultBusy, FaultUnproved:
	case "":
		s.LastAnswer, s.Took, s.Detail, s.Software = now, took, "", software
		if m.failed, m.wait = 0, 0; s.State != "up" {
			// Told also at the first answer: the last process may have left it down.
			s.State, s.Since, s.NextTry = "up", now, time.Time{}
			changed = true
		}
	default:
		m.failed++
		s.Detail = detail
		switch {
		case s.State == "down":
			m.wait = min(2*m.wait, lastRetry)
			s.NextTry = now.Add(m.wait)
		case m.failed >= downAfter:
			m.wait = firstRetry
			s.State, s.Since, s.NextTry = "down", now, now.Add(m.wait)
			changed = true
		}
	}
	m.mu.Unlock()
	if changed && p.Changed != nil {
		p.tell(m)
	}
}

// tell says how a perspective is now. It may have changed again since, and what
// is told last has to be true.
func (p *Panel) tell(m *member) {
	p.telling.Lock()
	defer p.telling.Unlock()
	m.mu.Lock()
	s := m.status
	m.mu.Unlock()
	if s.State == m.told {
		return
	}
	m.told = s.State
	c := Change{Name: s.Name, Region: s.Region, Network: s.Network, Up: s.State == "up"}
	if !c.Up {
		c.Detail = s.Detail
	}
	p.Changed(c)
}
