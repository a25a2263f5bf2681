package main

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/zonehold/zonehold/internal/app"
	"github.com/zonehold/zonehold/internal/config"
	"github.com/zonehold/zonehold/perspective"
)

// newPerspectives reads the file of the setting perspectives. Its errors are
// wrong settings.
func newPerspectives(cfg *config.Config) (app.PerspectiveConfig, error) {
	if cfg.Perspectives == "" {
		return app.PerspectiveConfig{Policy: perspective.Policy{Mode: perspective.ModeOff}}, nil
	}
	out, err := readPerspectives(cfg.Perspectives)
	if err != nil {
		return out, &exitError{code: exitUsage, name: "config_invalid", message: "perspectives: " + err.Error(),
			hints: []string{"the file is described in docs/perspectives.md"}}
	}
	return out, nil
}

func readPerspectives(path string) (out app.PerspectiveConfig, err error) {
	file, err := config.ReadPerspectives(path)
	if err != nil {
		return out, err
	}
	var remotes []perspective.Remote
	for _, e := range file.Entries {
		r := perspective.Remote{Name: e.Name, Network: clean(e.Network), URL: e.URL}
		if r.Region, err = perspective.ParseRegion(e.Region); err != nil {
			return out, fmt.Errorf("perspective %q: region %w", e.Name, err)
		}
		pair, err := loadPair(e.Cert, e.Key)
		if err != nil {
			return out, fmt.Errorf("perspective %q: %w", e.Name, err)
		}
		pool, err := loadPool(e.CA)
		if err != nil {
			return out, fmt.Errorf("perspective %q: %w", e.Name, err)
		}
		if r.TLS, err = perspective.ClientTLS(e.ServerName, pair, pool); err != nil {
			return out, fmt.Errorf("perspective %q: %w", e.Name, err)
		}
		remotes = append(remotes, r)
	}
	if out.Panel, err = perspective.NewPanel(remotes); err != nil {
		return out, err
	}
	out.Policy = perspective.Policy{
		Mode: perspective.Mode(file.Policy.Mode), Minimum: file.Policy.Minimum, Allowed: file.Policy.Allowed, Regions: file.Policy.Regions,
	}
	return out, out.Policy.Usable(time.Now(), out.Panel.Regions())
}

// tooFewSoon reports whether the policy br will demand more perspectives than
// are configured, from when on, and how many.
func tooFewSoon(p app.PerspectiveConfig, now time.Time) (from time.Time, demanded int, soon bool) {
	from, demanded, ok := perspective.Next(now)
	return from, demanded, ok && p.Policy.Mode == perspective.ModeBR && p.Panel.Len() < demanded
}

// warnOfPerspectives tells of what will not do for long.
func warnOfPerspectives(log *slog.Logger, p app.PerspectiveConfig) {
	if from, n, soon := tooFewSoon(p, time.Now()); soon {
		log.Warn("the policy br will demand more perspectives; without them nothing is proved from then on",
			"from", from.Format(time.DateOnly), "demanded", n, "configured", p.Panel.Len())
	}
}
