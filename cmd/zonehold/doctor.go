package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/zonehold/zonehold/internal/config"
	"github.com/zonehold/zonehold/internal/store"
)

// States of a finding.
const (
	findOK   = "ok"
	findWarn = "warn" // works, and will not for ever
	findFail = "fail"
	findSkip = "skip" // not looked at
)

// finding is what one check of the doctor found.
type finding struct {
	Check string `json:"check"`
	State string `json:"state"`
	Found string `json:"found"`
	Fix   string `json:"fix,omitempty"` // what to do; for warn and fail
}

// doctor looks at one thing after the other.
type doctor struct {
	cli     *cli
	cfg     *config.Config
	offline bool
	mail    bool
	found   []finding
}

func (d *doctor) ok(check, format string, args ...any) {
	d.found = append(d.found, finding{Check: check, State: findOK, Found: fmt.Sprintf(format, args...)})
}

func (d *doctor) skip(check, why string) {
	d.found = append(d.found, finding{Check: check, State: findSkip, Found: why})
}

func (d *doctor) warn(check, fix, format string, args ...any) {
	d.found = append(d.found, finding{check, findWarn, fmt.Sprintf(format, args...), fix})
}

func (d *doctor) fail(check, fix, format string, args ...any) {
	d.found = append(d.found, finding{check, findFail, fmt.Sprintf(format, args...), fix})
}

func (c *cli) doctorCommand() *cobra.Command {
	d := &doctor{cli: c}
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Look for what is wrong with the settings, the data and the machine",
		Long: `Look for what is wrong with the settings, the data and the machine, and say what
to do. It works with and without a running server, and changes nothing.

Exit code 0: nothing is wrong, or there are only warnings. 1: something is.`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, args []string) error { return d.run(cmd.Context()) },
	}
	cmd.Flags().BoolVar(&d.offline, "offline", false, "ask nobody outside: no name server, no perspective")
	cmd.Flags().BoolVar(&d.mail, "mail", false, "greet the mail relay, without sending anything")
	var names []string
	for _, k := range config.Keys() {
		if !k.Client && !k.Secret {
			names = append(names, k.Name)
		}
	}
	c.settingFlags(cmd, names...)
	return cmd
}

// doctorLimit is how long all takes without --timeout; the check of a large
// SQLite file is most of it.
const doctorLimit = 10 * time.Minute

func (d *doctor) run(ctx context.Context) error {
	ctx, cancel := d.cli.deadline(ctx, doctorLimit)
	defer cancel()
	cfg, err := d.loadQuietly()
	if err != nil {
		d.fail("settings", "mend them and run this again; nothing else can be looked at before", "%s", strings.ReplaceAll(err.Error(), "\n", "; "))
		return d.tell()
	}
	d.cfg = cfg
	d.settings()
	d.machine()
	d.folder()
	d.listener(ctx)
	if s := d.database(ctx); s != nil {
		d.data(ctx, s)
		if err := s.Close(); err != nil {
			d.warn("database", "look into the log of the database", "closing: %v", err)
		}
	}
	d.outside(ctx)
	return d.tell()
}

// loadQuietly is load without warnings on standard error: they are findings.
func (d *doctor) loadQuietly() (*config.Config, error) {
	file := d.cli.configFile
	if file == "" {
		file = d.cli.env("ZONEHOLD_CONFIG")
	}
	return config.Load(config.Sources{File: file, Environ: d.cli.environ(), Flags: d.cli.flags})
}

func (d *doctor) settings() {
	for _, w := range d.cfg.Warnings() {
		d.warn("settings", "see: zonehold config show --origin", "%s", w)
	}
	if len(d.cfg.Warnings()) == 0 {
		from := "defaults, environment and flags"
		if d.cfg.File() != "" {
			from = d.cfg.File() + ", environment and flags"
		}
		d.ok("settings", "read from %s", from)
	}
	if d.cfg.Exposed() {
		d.warn("listener", "put a proxy with TLS in front, and listen on 127.0.0.1", "%s is open to other machines, without TLS", d.cfg.Listen)
	}
	if why := d.cfg.Unvalidated(); why != "" {
		d.warn("DNSSEC", "set dns_trust_anchors, unless this network is closed", "answers are not validated: %s", why)
	}
}

// tell prints the findings; something that fails makes the exit code.
func (d *doctor) tell() error {
	c, bad := d.cli, 0
	for _, f := range d.found {
		if f.State == findFail {
			bad++
		}
	}
	switch {
	case c.json:
		if err := c.printJSON(map[string]any{"ok": bad == 0, "findings": d.found}); err != nil {
			return err
		}
	case c.jsonl:
		for _, f := range d.found {
			if err := c.printJSON(f); err != nil {
				return err
			}
		}
	default:
		marks := map[string]string{findOK: c.paint(green, "ok  "), findWarn: c.paint(yellow, "warn"), findFail: c.paint(red, "fail"), findSkip: c.paint(dim, "skip")}
		for _, f := range d.found {
			if c.quiet && f.State != findFail && f.State != findWarn {
				continue
			}
			line := fmt.Sprintf("%s  %-12s %s", marks[f.State], f.Check, clean(f.Found))
			if f.Fix != "" {
				line += "\n                   to do: " + f.Fix
			}
			if _, err := fmt.Fprintln(c.stdout, line); err != nil {
				return err
			}
		}
	}
	if bad > 0 {
		return answered(exitError_, "something is wrong")
	}
	return nil
}

// database opens what is there, without making or changing anything.
func (d *doctor) database(ctx context.Context) *store.Store {
	cfg := storeConfig(d.cfg)
	cfg.MaxConns = 4
	open, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	s, err := store.OpenAsIs(open, cfg)
	if err != nil {
		if cfg.URL == "" && d.fresh() {
			d.ok("database", "there is none yet in %s; the first start makes it", cfg.DataDir)
			return nil
		}
		fix := "see that PostgreSQL runs and that database_url is right: " + d.cfg.Value("database_url")
		if cfg.URL == "" {
			fix = "see that the folder is the right one, and who owns it: ls -l " + cfg.DataDir
		}
		if store.FaultOf(err) == store.FaultDamaged {
			fix = damagedFix
		}
		d.fail("database", fix, "%v", err)
		return nil
	}
	return s
}
