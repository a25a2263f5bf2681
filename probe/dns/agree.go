package dns

// Agreed returns the one answer that all servers gave, and true. It returns
// false when a server did not answer usably or two differ. Servers that only
// this machine cannot reach (StatusNoRoute) do not count, nor does a dead
// address of a server that answered on another address.
func (a *Answer) Agreed() (*ServerAnswer, bool) {
	var one *ServerAnswer
	for i := range a.Servers {
		s := &a.Servers[i]
		switch {
		case s.Status == StatusOK:
			if one == nil {
				one = s
			} else if !one.same(s) {
				return nil, false
			}
		case s.Status == StatusNoRoute:
		case s.dead() && a.answered(s.Server):
		default:
			return nil, false
		}
	}
	return one, one != nil
}

// Usable returns the answers with StatusOK.
func (a *Answer) Usable() []ServerAnswer {
	var out []ServerAnswer
	for _, s := range a.Servers {
		if s.Status == StatusOK {
			out = append(out, s)
		}
	}
	return out
}

// Failed returns the servers (by name) none of whose addresses answered
// usably, one answer each, without those in StatusNoRoute. Of several failed
// addresses the one that said something stands for the server.
func (a *Answer) Failed() []ServerAnswer {
	var out []ServerAnswer
next:
	for _, s := range a.Servers {
		if s.Status == StatusOK || s.Status == StatusNoRoute || a.answered(s.Server) {
			continue
		}
		for i := range out {
			if out[i].Server == s.Server {
				if out[i].dead() && !s.dead() {
					out[i] = s
				}
				continue next
			}
		}
		out = append(out, s)
	}
	return out
}

// Majority returns the answer that more than half of the servers gave, and
// false when there is none. A server whose addresses contradict each other
// gave none.
func (a *Answer) Majority() (*ServerAnswer, bool) {
	type vote struct {
		answer *ServerAnswer
		split  bool
	}
	votes := make(map[string]*vote)
	for i := range a.Servers {
		s := &a.Servers[i]
		if s.Status == StatusNoRoute {
			continue
		}
		v := votes[s.Server]
		if v == nil {
			v = new(vote)
			votes[s.Server] = v
		}
		switch {
		case s.Status == StatusOK && v.answer == nil:
			v.answer = s
		case s.Status == StatusOK && !v.answer.same(s):
			v.split = true
		case s.Status != StatusOK && !s.dead():
			v.split = true
		}
	}
	for i := range a.Servers {
		s := &a.Servers[i]
		if s.Status != StatusOK {
			continue
		}
		count := 0
		for _, v := range votes {
			if v.answer != nil && !v.split && v.answer.same(s) {
				count++
			}
		}
		if 2*count > len(votes) {
			return s, true
		}
	}
	return nil, false
}

// answered reports whether the server answered usably on some address.
func (a *Answer) answered(server string) bool {
	for i := range a.Servers {
		if a.Servers[i].Server == server && a.Servers[i].Status == StatusOK {
			return true
		}
	}
	return false
}

// dead reports that nobody spoke at the address, or that it is one which
// nobody can reach.
func (s *ServerAnswer) dead() bool {
	switch s.Status {
	case StatusTimeout, StatusUnreachable, StatusForbidden, StatusNoRoute, StatusNoAddress:
		return true
	}
	return false
}

// same compares two usable answers, leaving aside order, TTL and letter case
// of names.
func (s *ServerAnswer) same(o *ServerAnswer) bool {
	return s.Kind == o.Kind && equalRecords(s.Records, o.Records)
}

// AliasTarget is the name that an answer of KindAlias leads to, else "".
func (s *ServerAnswer) AliasTarget() string {
	if s.Kind != KindAlias || len(s.Records) == 0 {
		return ""
	}
	return s.Records[len(s.Records)-1].Target
}
