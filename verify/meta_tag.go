package verify

import (
	"context"
	"strconv"
	"strings"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/probe/web"
	"github.com/zonehold/zonehold/problem"
)

// metaTag looks for a meta element in the head of the home page.
type metaTag struct{}

var _ Method = metaTag{}

func (metaTag) Name() zonehold.Method { return zonehold.MethodMetaTag }

func (metaTag) Challenge(kit *Kit, c Claim) zonehold.Challenge {
	ch, p, ok := newChallenge(kit, zonehold.MethodMetaTag, c, c.Tokens.Meta)
	if ok {
		ch.Tag = &zonehold.TagChallenge{Name: p.TagNames()[0], Content: c.Tokens.Meta, HTML: p.TagHTML(c.Tokens.Meta)}
	}
	return ch
}

func (m metaTag) Check(ctx context.Context, kit *Kit, c Claim) Result {
	ch := m.Challenge(kit, c)
	if !ch.Applicable {
		return notApplicable(ch, c)
	}
	if kit.Web == nil {
		return noProbe(ch, c, "a web client")
	}
	p, _ := zonehold.ProfileByName(c.Profile)
	check := webCheck{
		path: "/",
		judge: func(f *web.Fetch, facts problem.Facts) ([]Finding, zonehold.Outcome, *Finding) {
			page := ParseMeta(ctx, f.Body)
			var got []string
			proved := false
			for _, name := range p.TagNames() {
				for _, content := range page.Head(name) {
					proved = proved || zonehold.EqualToken(TrimInvisible(content), ch.Token)
					got = append(got, content)
				}
			}
			switch {
			case proved:
				return nil, zonehold.OutcomeVerified, nil
			case ctx.Err() != nil:
				return nil, zonehold.OutcomeInconclusive, &Finding{"http_body_too_large_or_slow", facts}
			case len(got) > 0:
				return nil, zonehold.OutcomeMismatch, &Finding{"meta_value_mismatch", with(facts,
					problem.FactGot, strings.Join(got, ", "), problem.FactCount, strconv.Itoa(len(got)))}
			case f.TooLarge && !page.HeadEnded:
				return nil, zonehold.OutcomeInconclusive, &Finding{"meta_beyond_size_limit", with(facts, problem.FactCount, strconv.Itoa(len(f.Body)))}
			}
			return nil, zonehold.OutcomeAbsent, &Finding{"meta_missing", with(facts, problem.FactDetail, ch.Tag.HTML)}
		},
	}
	return check.run(ctx, kit, c, ch)
}
