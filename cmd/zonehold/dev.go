package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/client"
	"github.com/zonehold/zonehold/internal/config"
	"github.com/zonehold/zonehold/internal/telemetry"
	"github.com/zonehold/zonehold/probe"
	"github.com/zonehold/zonehold/probe/dns"
	"github.com/zonehold/zonehold/probe/web"
	"github.com/zonehold/zonehold/testnet"
	"github.com/zonehold/zonehold/verify"
)

// devDomain is the domain of the tour; the others are for the visitor.
const devDomain = "coffee.example"

var devDomains = []string{devDomain, "tea.example", "cocoa.example"}

func (c *cli) devCommand() *cobra.Command {
	var tour bool
	cmd := &cobra.Command{
		Use:   "dev",
		Short: "Run the whole service on a fake internet, offline",
		Long: `Run the whole service on a fake internet in this process, offline, with a ready
account. A tour shows a proof fail, be mended, and pass; then the service stays
up for your own tries. Nothing is kept.`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, args []string) error { return c.dev(cmd, tour) },
	}
	cmd.Flags().BoolVar(&tour, "tour", false, "stop after the tour")
	c.settingFlags(cmd, "listen", "log_level", "log_format")
	cmd.AddCommand(c.devRecordCommand(), c.devPageCommand())
	return cmd
}

func (c *cli) dev(cmd *cobra.Command, tourOnly bool) error {
	if tourOnly && c.flags["listen"] == "" {
		c.flags["listen"] = "127.0.0.1:0" // nobody else has to find it
	}
	if c.flags["log_level"] == "" {
		c.flags["log_level"] = "warn"
	}
	dir, err := os.MkdirTemp("", "zonehold-dev-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	c.flags["data_dir"] = dir
	cfg, err := c.load()
	if err != nil {
		return err
	}
	cfg.DatabaseURL, cfg.SecretKey = "", nil // never somebody's real data
	cfg.Roles = []config.Role{config.RoleAPI, config.RoleWorker}
	if cfg.Exposed() {
		return usageError("dev listens only on this machine", "give --listen 127.0.0.1:PORT")
	}
	internet, err := testnet.New()
	if err != nil {
		return fmt.Errorf("starting the fake internet: %w", err)
	}
	defer internet.Close()
	kit, err := devKit(cfg, internet)
	if err != nil {
		return err
	}
	log := telemetry.NewLogger(c.stderr, cfg.LogLevel, cfg.LogFormat)
	s, err := startServer(cmd.Context(), cfg, kit, log, (&devPanel{internet}).handler())
	if err != nil {
		return err
	}
	account, err := s.auth.CreateAccount(cmd.Context(), "dev", "", false)
	if err != nil {
		return errors.Join(err, s.stop())
	}
	token, err := s.auth.Create(cmd.Context(), account.ID, "dev", zonehold.Scopes())
	if err != nil {
		return errors.Join(err, s.stop())
	}
	if err := c.tour(cmd.Context(), internet, s.url(), token); err != nil {
		return errors.Join(err, s.stop())
	}
	if tourOnly {
		return s.stop()
	}
	c.invite(s.url(), token, account.Number)
	return s.wait(cmd.Context())
}

// devKit is the kit of a service that lives in the fake internet. The guard is
// the one of production: only the way to the addresses differs.
func devKit(cfg *config.Config, internet *testnet.Network) (*verify.Kit, error) {
	dialer := &probe.Dialer{Guard: probe.NewGuard(probe.GuardConfig{}), Route: internet.Route, Timeout: 2 * time.Second}
	roots, err := dns.ParseRootHints(strings.NewReader(internet.RootHints()))
	if err != nil {
		return nil, err
	}
	cache := internet.Resolver().Addr()
	for _, name := range devDomains {
		internet.Zone(name)
		internet.Host(name).Page("/", http.StatusOK, "text/html; charset=utf-8",
			"<!doctype html><html><head><title>"+name+"</title></head><body><h1>"+name+"</h1></body></html>\n")
	}
	dnsConfig := dns.Config{Dialer: dialer, Roots: roots, QueryTimeout: 500 * time.Millisecond}
	dnsConfig.Recursive = append(dnsConfig.Recursive, cache)
	return kitOn(cfg, dnsConfig, web.Config{Dialer: dialer, RootCAs: internet.CertPool(), Timeout: 5 * time.Second})
}

// tour plays the main job as a person lives it: a slip, its explanation, the
// change, the proof.
func (c *cli) tour(ctx context.Context, internet *testnet.Network, url, token string) error {
	cl, err := client.New(url, token)
	if err != nil {
		return err
	}
	defer cl.Close()
	w := c.stdout
	step := func(n int, text string) {
		fmt.Fprintf(w, "\n%s %s\n", c.paint(bold, fmt.Sprintf("%d.", n)), c.paint(bold, text))
	}
	fmt.Fprintf(w, "A fake internet runs in this process: root servers, .example, and %s on two name servers.\nNothing leaves this machine.\n", devDomain)

	step(1, "Claim the domain")
	d, _, err := cl.CreateDomain(ctx, createDomain(devDomain))
	if err != nil {
		return err
	}
	record := d.Challenges[0].Record
	if record == nil {
		return errors.New("the first way to prove the domain is not a DNS record")
	}
	fmt.Fprintf(w, "   %s is %s. To prove it, publish:\n", d.Hostname, d.State)
	fmt.Fprintf(w, "   %s  %s  %s\n", record.Name, record.Type, record.Value)

	step(2, "Place the proof, with the commonest slip of all")
	zone := internet.Zone(devDomain)
	slip := record.Name + "." + devDomain
	if err := zone.AddRecord(slip+".", record.Type, 0, record.Value); err != nil {
		return err
	}
	fmt.Fprintf(w, "   The panel appends the domain to the full name that was typed, so what exists is\n   %s\n", slip)

	step(3, "Check")
	a, err := cl.StartAttempt(ctx, devDomain, "dns_txt", time.Minute)
	if err != nil {
		return err
	}
	if err := c.printAttempt(devDomain, a); err != nil {
		return err
	}
	if a.Problem == nil || a.Problem.Code != "dns_doubled_label" {
		return errors.New("the tour went wrong: the slip was not recognised")
	}

	step(4, "Do what it says")
	zone.Remove(slip+".", record.Type)
	if err := zone.AddRecord(record.Name+".", record.Type, 0, record.Value); err != nil {
		return err
	}
	fmt.Fprintf(w, "   The record is now at %s\n", record.Name)

	step(5, "Check again")
	a, err = cl.StartAttempt(ctx, devDomain, "dns_txt", time.Minute)
	if err != nil {
		return err
	}
	if err := c.printAttempt(devDomain, a); err != nil {
		return err
	}
	if deref(a.Outcome) != "verified" {
		return errors.New("the tour went wrong: the proof was not accepted")
	}
	d, err = cl.Domain(ctx, devDomain)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "   state %s, assurance %s, covers the %s\n", d.State, deref(d.Assurance), deref(d.Covers))
	return nil
}

// invite prints how to go on alone.
func (c *cli) invite(url, token string, userID int64) {
	fmt.Fprintf(c.stdout, `
%s The service stays up at %s until Ctrl-C. In another terminal:

  export ZONEHOLD_SERVER=%s ZONEHOLD_TOKEN=%s
  zonehold domain add tea.example
  zonehold domain check tea.example               # says what is wrong
  zonehold dev record add NAME TXT VALUE          # the fake DNS panel
  zonehold dev page https://tea.example/PATH BODY # the fake web host

  API and problems: %s/docs/
  Yandex dialect:   curl -H "Authorization: OAuth $ZONEHOLD_TOKEN" %s/v4/user/%d/hosts
`, c.paint(bold, "Your turn."), url, url, token, url, url, userID)
}
