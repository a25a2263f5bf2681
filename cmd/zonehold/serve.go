package main

import (
	"fmt"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/zonehold/zonehold/internal/config"
	"github.com/zonehold/zonehold/internal/telemetry"
)

func (c *cli) serveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the service",
		Long: `Run the service: the native API below /v1/, the Yandex.Webmaster dialect below
/v3…/v4.1, the Probely dialect at /domains/ and its other roots, documentation
at /docs/, health at /healthz and /readyz, figures at /metrics. It is ready when GET /readyz answers 200.`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, args []string) error { return c.serve(cmd) },
	}
	var names []string
	for _, k := range config.Keys() {
		if !k.Client && !k.Secret {
			names = append(names, k.Name)
		}
	}
	c.settingFlags(cmd, names...)
	return cmd
}

func (c *cli) serve(cmd *cobra.Command) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	log := telemetry.NewLogger(c.stderr, cfg.LogLevel, cfg.LogFormat)
	if c.env("GOGC") == "" {
		// The heap is small and requests are many: collecting half as often
		// costs some ten MB.
		debug.SetGCPercent(200)
	}
	out, err := newOutside(cfg)
	if err != nil {
		return err
	}
	s, err := startServer(cmd.Context(), cfg, out, log, nil)
	if err != nil {
		return err
	}
	database := "SQLite in " + cfg.DataDir
	if cfg.DatabaseURL != "" {
		database = cfg.Value("database_url")
	}
	roles := make([]string, len(cfg.Roles))
	for i, r := range cfg.Roles {
		roles[i] = string(r)
	}
	log.Info("ready", "url", s.url(), "database", database, "roles", strings.Join(roles, ","), "version", buildVersion())
	if why := cfg.Unvalidated(); why != "" {
		log.Warn("DNS answers are not validated", "reason", why)
	}
	if cfg.Exposed() {
		log.Warn("the listener is open to other machines without TLS; put a proxy with TLS in front", "listen", cfg.Listen)
	}
	if err := s.wait(cmd.Context()); err != nil {
		return fmt.Errorf("stopping: %w", err)
	}
	log.Info("stopped")
	return nil
}
