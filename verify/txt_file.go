package verify

import (
	"context"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/probe/web"
	"github.com/zonehold/zonehold/problem"
)

// txtFile looks for an empty file whose name carries the secret (contract
// yandex, section 6, TXT_FILE).
type txtFile struct{}

var _ Method = txtFile{}

func (txtFile) Name() zonehold.Method { return zonehold.MethodTXTFile }

func (txtFile) Challenge(kit *Kit, c Claim) zonehold.Challenge {
	ch, p, ok := newChallenge(kit, zonehold.MethodTXTFile, c, c.Tokens.File)
	if ok {
		path := p.TXTFilePath(c.Tokens.File)
		ch.File = &zonehold.FileChallenge{Path: path, URLs: c.URLs(kit, path)}
	}
	return ch
}

func (m txtFile) Check(ctx context.Context, kit *Kit, c Claim) Result {
	ch := m.Challenge(kit, c)
	if !ch.Applicable {
		return notApplicable(ch, c)
	}
	if kit.Web == nil {
		return noProbe(ch, c, "a web client")
	}
	check := webCheck{
		path: ch.File.Path,
		judge: func(f *web.Fetch, facts problem.Facts) ([]Finding, zonehold.Outcome, *Finding) {
			if len(f.Body) > 0 || f.TooLarge || f.BodyRaw > 0 {
				return nil, zonehold.OutcomeMismatch, &Finding{"file_wrong_content", with(facts, problem.FactGot, string(f.Body[:min(len(f.Body), 200)]))}
			}
			return nil, zonehold.OutcomeVerified, nil
		},
		// The whole secret is in the URL: a server that has any file of that
		// kind proves nothing.
		soft: func(_, _ *web.Fetch, _ string) bool { return true },
	}
	return check.run(ctx, kit, c, ch)
}
