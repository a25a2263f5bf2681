package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/client"
	"github.com/zonehold/zonehold/internal/config"
	"github.com/zonehold/zonehold/internal/telemetry"
	"github.com/zonehold/zonehold/testnet"
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
	cmd.AddCommand(c.devRecordCommand(), c.devPageCommand(), c.devMailCommand())
	return cmd
}

func (c *cli) dev(cmd *cobra.Command, tourOnly bool) error {
	if tourOnly && c.flags["listen"] == "" {
		c.flags["listen"] = "127.0.0.1:0" // nobody else has to find it
	}
	if c.flags["log_level"] == "" {
		c.flags["log_level"] = "warn"
	}
	for _, name := range probeSettings {
		c.flags[name] = defaultOf(name) // another internet's, such as that of an earlier dev
	}
	dir, err := os.MkdirTemp("", "zonehold-dev-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a leftover in the temporary folder harms nobody
	c.flags["data_dir"] = dataDir(dir)
	cfg, err := c.load()
	if err != nil {
		return err
	}
	cfg.DatabaseURL, cfg.SecretKey = "", nil // never somebody's real data
	cfg.Roles = []config.Role{config.RoleAPI, config.RoleWorker}
	if cfg.Exposed() {
		return usageError("dev listens only on this machine", "give --listen 127.0.0.1:PORT")
	}
	internet, err := openInternet()
	if err != nil {
		return fmt.Errorf("starting the fake internet: %w", err)
	}
	defer internet.Close()
	out, err := internet.outside(cfg)
	if err != nil {
		return err
	}
	// What breaks off at the end of a tour of a second is no news.
	logs := &gate{w: c.stderr}
	defer context.AfterFunc(cmd.Context(), logs.close)()
	log := telemetry.NewLogger(logs, cfg.LogLevel, cfg.LogFormat)
	s, err := startServer(cmd.Context(), cfg, out, log, newPanel(internet).handler())
	if err != nil {
		return err
	}
	if err := c.play(cmd.Context(), s, internet, dir, tourOnly); err != nil || tourOnly {
		logs.close()
		return errors.Join(err, s.stop())
	}
	return s.wait(cmd.Context())
}

// gate is a way out that can be closed.
type gate struct {
	w      io.Writer
	closed atomic.Bool
}

func (g *gate) close() { g.closed.Store(true) }

func (g *gate) Write(p []byte) (int, error) {
	if g.closed.Load() {
		return len(p), nil
	}
	return g.w.Write(p)
}

func defaultOf(setting string) string {
	for _, k := range config.Keys() {
		if k.Name == setting {
			return k.Default
		}
	}
	return ""
}

// play makes the account, shows the tour and says how to go on.
func (c *cli) play(ctx context.Context, s *server, internet *devInternet, dir string, tourOnly bool) error {
	account, err := s.auth.CreateAccount(ctx, "dev", devAddress, true)
	if err != nil {
		return err
	}
	token, err := s.auth.Create(ctx, account.ID, "dev", zonehold.Scopes())
	if err != nil {
		return err
	}
	text := c.stdout
	if c.json || c.jsonl || c.quiet {
		text = io.Discard
	}
	if err := c.tour(ctx, text, internet.Network, s.url(), token); err != nil || tourOnly {
		return err
	}
	env, err := internet.writeEnv(dir, s.url(), token)
	if err != nil {
		return err
	}
	switch {
	case c.json || c.jsonl:
		return c.printJSON(map[string]any{"server": s.url(), "token": token, "user_id": account.Number, "env_file": env})
	case c.quiet:
		_, err := fmt.Fprintln(c.stdout, env)
		return err
	}
	c.invite(internet, s.url(), env, account.Number)
	return nil
}

// tour plays the main job as a person lives it: a slip, its explanation, the
// change, the proof.
func (c *cli) tour(ctx context.Context, w io.Writer, internet *testnet.Network, url, token string) error {
	cl, err := client.New(url, token)
	if err != nil {
		return err
	}
	defer cl.Close()
	step := func(n int, text string) {
		fmt.Fprintf(w, "\n%s %s\n", c.paint(bold, fmt.Sprintf("%d.", n)), c.paint(bold, text))
	}
	fmt.Fprintf(w, "A fake internet runs in this process: root servers, .example, and %s on\ntwo name servers. Nothing leaves this machine.\n", devDomain)

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
	if err := c.printAttempt(w, devDomain, a); err != nil {
		return err
	}
	if a.Problem == nil || a.Problem.Code != "dns_doubled_label" {
		return errors.New("the tour went wrong: the slip was not recognised")
	}

	step(4, "Do what it says")
	if err := zone.RemoveRecords(slip+".", record.Type); err != nil {
		return err
	}
	if err := zone.AddRecord(record.Name+".", record.Type, 0, record.Value); err != nil {
		return err
	}
	fmt.Fprintf(w, "   The record is now at %s\n", record.Name)

	step(5, "Check again")
	a, err = cl.StartAttempt(ctx, devDomain, "dns_txt", time.Minute)
	if err != nil {
		return err
	}
	if err := c.printAttempt(w, devDomain, a); err != nil {
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
func (c *cli) invite(internet *devInternet, url, env string, userID int64) {
	w := c.stdout
	fmt.Fprintf(w, "\n%s The service stays up at %s until Ctrl-C.\nIn another terminal, enter the fake internet, then try:\n\n", c.paint(bold, "Your turn."), url)
	line := func(command, says string) {
		fmt.Fprintf(w, "  %-47s %s\n", command, c.paint(dim, "# "+says))
	}
	line(". "+shellQuote(env), "server, token and settings")
	fmt.Fprintln(w)
	line("zonehold domain add tea.example", "what to place")
	line("zonehold dev record add NAME TXT VALUE", "the fake DNS panel")
	line("zonehold dev page https://tea.example/PATH BODY", "the fake web host")
	line("zonehold domain check tea.example", "says what is wrong")
	fmt.Fprintln(w)
	line("zonehold dev record remove _zonehold-challenge.coffee.example TXT", "a proof goes missing")
	line("zonehold domain check coffee.example", "it is at risk from then on; a mail says so")
	line("zonehold domain show coffee.example", "what comes next, and when")
	line("zonehold evidence export coffee.example", "what was seen, signed")
	fmt.Fprintln(w)
	line("zonehold domain check tea.example -m whois", "visitor@mail.example is its contact")
	line("zonehold email code tea.example --mailbox admin", "a code, then: dev mail, email confirm")
	line("zonehold dev mail", "what was mailed")
	line("zonehold provider connect cloudflare --credentials-file "+shellQuote(filepath.Join(filepath.Dir(env), "cloudflare")),
		"holds coffee, tea and cocoa.example; or aws_route53 with the file aws")
	line("zonehold policy whitelist cocoa.example --by me --reason test", "an act of the operator")
	if internet.shared {
		fmt.Fprintln(w)
		line("zonehold verify cocoa.example", "the same without the service")
		line("zonehold explain tea.example", "who serves it, what would work")
		at := internet.Zone("tea.example").Servers()[0].Addr()
		line(fmt.Sprintf("dig @%s -p %d tea.example NS", at.Addr(), at.Port()), "its name server")
	}
	fmt.Fprintf(w, `
  API and problems: %s/docs/
  Probely dialect:  curl -H "Authorization: JWT $ZONEHOLD_TOKEN" %s/domains/
  Yandex dialect:   curl -H "Authorization: OAuth $ZONEHOLD_TOKEN" %s/v4/user/%d/hosts
`, url, url, url, userID)
}
