package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/zonehold/zonehold/internal/config"
	"github.com/zonehold/zonehold/internal/telemetry"
	"github.com/zonehold/zonehold/perspective"
	"github.com/zonehold/zonehold/probe/dns"
	"github.com/zonehold/zonehold/probe/web"
	"github.com/zonehold/zonehold/verify"
)

// perspectiveFlags are those of a perspective itself.
type perspectiveFlags struct {
	listen, name, cert, key, clientCA, health string
	clients                                   []string
	checks                                    int
	limit                                     time.Duration
}

func (c *cli) perspectiveCommand() *cobra.Command {
	var f perspectiveFlags
	cmd := &cobra.Command{
		Use:   "perspective",
		Short: "Answer checks from another network, and look after those that do",
		Long: `Answer requests for checks from this network: a server elsewhere asks, over TLS
1.3 with certificates on both sides, whether the proof of a domain is seen from
here too. It needs no database and keeps no state; each check begins with
nothing learnt before. Make the certificates with: zonehold perspective keys.

The server that asks lists its perspectives in the file of its setting
"perspectives"; see docs/perspectives.md.`,
		Example: `  zonehold perspective keys pki ams=ams.example.net:8443,RIPE nyc=nyc.example.net:8443,ARIN
  zonehold perspective --name ams --listen :8443 --cert perspective.pem --key perspective.key --client-ca clients.pem
  zonehold serve --perspectives pki/perspectives.yaml`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(cmd, args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return c.servePerspective(cmd, f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.listen, "listen", "", "host:port for those who ask, such as :8443")
	flags.StringVar(&f.name, "name", "", "name of this perspective, as the server's file has it")
	flags.StringVar(&f.cert, "cert", "", "file with the certificate of this perspective (PEM)")
	flags.StringVar(&f.key, "key", "", "file with its key (PEM)")
	flags.StringVar(&f.clientCA, "client-ca", "", "file with the authority of those who may ask (PEM)")
	flags.StringArrayVar(&f.clients, "client", nil, "admit only these of them: DNS name or SHA-256 of a certificate (repeat)")
	flags.StringVar(&f.health, "health", "", "host:port where GET /healthz answers over plain HTTP; default: nowhere")
	flags.IntVar(&f.checks, "checks", 64, "checks that run at a time, up to 1000")
	flags.DurationVar(&f.limit, "check-limit", 30*time.Second, "time limit of one check, up to 1m")
	c.settingFlags(cmd, "dns_root_hints", "dns_trust_anchors", "dns_port", "http_ports", "egress_allow", "egress_deny", "log_level", "log_format")
	keys, check, list, policy := c.perspectiveKeys(), c.perspectiveCheck(), c.perspectiveList(), c.perspectivePolicy()
	c.settingFlags(check, "perspectives", "server")
	for _, sub := range []*cobra.Command{list, policy} {
		c.settingFlags(sub, "data_dir", "database_url", "perspectives", "server")
	}
	cmd.AddCommand(keys, check, list, policy)
	return cmd
}

// servePerspective runs until the command is interrupted.
func (c *cli) servePerspective(cmd *cobra.Command, f perspectiveFlags) error {
	for _, need := range []struct{ flag, value, hint string }{
		{"--name", f.name, "give the name that the server's file has for this perspective"},
		{"--listen", f.listen, "give host:port, such as --listen :8443"},
		{"--cert", f.cert, "make one with: zonehold perspective keys"},
		{"--key", f.key, "make one with: zonehold perspective keys"},
		{"--client-ca", f.clientCA, "it says who may ask; make one with: zonehold perspective keys"},
	} {
		if need.value == "" {
			return usageError(need.flag+" is missing", need.hint)
		}
	}
	switch {
	case !perspective.ValidName(f.name):
		return usageError("--name is made of up to 63 letters, digits, _ and -")
	case f.checks < 1 || f.checks > 1000:
		return usageError("--checks is a number from 1 to 1000")
	case f.limit < time.Second || f.limit > time.Minute:
		return usageError("--check-limit is a time from 1s to 1m")
	}
	cfg, err := c.load()
	if err != nil {
		return err
	}
	if len(cfg.DNSForward) > 0 {
		return usageError("a perspective asks the servers of a domain itself; dns_forward is set, and what resolvers answer may be old", "unset dns_forward for this process")
	}
	log := telemetry.NewLogger(c.stderr, cfg.LogLevel, cfg.LogFormat)
	kit, err := freshKits(cfg)
	if err != nil {
		return err
	}
	certificate, err := loadPair(f.cert, f.key)
	if err != nil {
		return err
	}
	pool, err := loadPool(f.clientCA)
	if err != nil {
		return err
	}
	tlsConfig, err := perspective.ServerTLS(certificate, pool, f.clients)
	if err != nil {
		return usageError(err.Error())
	}
	s, err := perspective.NewServer(perspective.ServerConfig{
		Name: f.name, Software: buildVersion(), Kit: kit, Checks: f.checks, Limit: f.limit, Log: log,
	})
	if err != nil {
		return usageError(err.Error())
	}
	if why := cfg.Unvalidated(); why != "" {
		log.Warn("DNS answers are not validated", "reason", why)
	}
	return c.runPerspective(cmd.Context(), s, tlsConfig, f, log)
}

func (c *cli) runPerspective(ctx context.Context, s *perspective.Server, tlsConfig *tls.Config, f perspectiveFlags, log *slog.Logger) error {
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", f.listen)
	if err != nil {
		return &exitError{code: exitError_, name: "cannot_listen", message: err.Error(),
			hints: []string{"another program may use the port; choose one with --listen"}}
	}
	ask := s.HTTP()
	ask.TLSConfig = tlsConfig
	servers, done := []*http.Server{ask}, make(chan error, 2)
	if f.health != "" {
		plain, err := (&net.ListenConfig{}).Listen(ctx, "tcp", f.health)
		if err != nil {
			_ = ln.Close() // err says more
			return &exitError{code: exitError_, name: "cannot_listen", message: err.Error(), hints: []string{"choose another address with --health"}}
		}
		health := &http.Server{Handler: healthOf(s), ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout, WriteTimeout: readTimeout, MaxHeaderBytes: maxHeaderBytes}
		servers = append(servers, health)
		go func() { done <- health.Serve(plain) }()
	}
	go func() { done <- ask.ServeTLS(s.Listener(ln), "", "") }()
	log.Info("ready", "perspective", f.name, "listen", ln.Addr().String(), "checks", f.checks, "version", buildVersion())
	var served error
	select {
	case <-ctx.Done():
	case served = <-done:
	}
	stop, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
	defer cancel()
	for _, srv := range servers {
		if err := srv.Shutdown(stop); err != nil {
			served = errors.Join(served, err, srv.Close())
		}
	}
	if served != nil {
		return fmt.Errorf("serving checks: %w", served)
	}
	log.Info("stopped")
	return nil
}

// healthOf answers the operator's probes.
func healthOf(s *perspective.Server) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		_ = json.NewEncoder(w).Encode(s.Health())
	})
	return mux
}

// freshKits makes a kit for each check: what one has learnt is nothing to the
// next. The files are read once, so that a wrong one is told at the start.
func freshKits(cfg *config.Config) (func() (*verify.Kit, error), error) {
	w, err := realWays(cfg)
	if err == nil {
		w.dns.Recursive = nil
		_, err = dns.New(w.dns)
	}
	if err != nil {
		return nil, &exitError{code: exitUsage, name: "config_invalid", message: err.Error()}
	}
	return func() (*verify.Kit, error) {
		resolver, err := dns.New(w.dns)
		if err != nil {
			return nil, err
		}
		client := w.web
		client.Resolver = resolver
		return &verify.Kit{DNS: resolver, Web: web.New(client), NoCachedView: true}, nil
	}, nil
}

// Bounds of key files.
const maxPEM = 1 << 20

func readPEM(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, usageError(err.Error())
	}
	defer f.Close() //nolint:errcheck // only read
	data, err := io.ReadAll(io.LimitReader(f, maxPEM+1))
	switch {
	case err != nil:
		return nil, usageError(err.Error())
	case len(data) > maxPEM:
		return nil, usageError(path + " is too large for a certificate or key")
	}
	return data, nil
}

func loadPair(cert, key string) (tls.Certificate, error) {
	certPEM, err := readPEM(cert)
	if err != nil {
		return tls.Certificate{}, err
	}
	keyPEM, err := readPEM(key)
	if err != nil {
		return tls.Certificate{}, err
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return pair, usageError(fmt.Sprintf("%s and %s are not a certificate with its key: %v", cert, key, err))
	}
	if now := time.Now(); pair.Leaf != nil && (now.After(pair.Leaf.NotAfter) || now.Before(pair.Leaf.NotBefore)) {
		return pair, usageError(fmt.Sprintf("the certificate in %s is valid from %s to %s only", cert,
			pair.Leaf.NotBefore.UTC().Format(time.DateOnly), pair.Leaf.NotAfter.UTC().Format(time.DateOnly)))
	}
	return pair, nil
}

func loadPool(path string) (*x509.CertPool, error) {
	data, err := readPEM(path)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(data) {
		return nil, usageError(path + " holds no certificate in PEM")
	}
	return pool, nil
}
