package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/zonehold/zonehold/internal/telemetry"
)

func (c *cli) healthcheckCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "healthcheck",
		Short: "Ask a server whether it is ready (for containers)",
		Long:  "Ask a server whether it is ready. Exit code 0: ready. 1: not ready. 10: not reachable.",
		Args:  exactly(),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := c.load()
			if err != nil {
				return err
			}
			ctx, cancel := c.deadline(cmd.Context(), 5*time.Second)
			defer cancel()
			return c.healthcheck(ctx, strings.TrimRight(cfg.Server, "/"))
		},
	}
	c.settingFlags(cmd, "server")
	return cmd
}

func (c *cli) healthcheck(ctx context.Context, server string) error {
	state, err := readiness(ctx, server)
	if err != nil {
		return err
	}
	if !state.Ready {
		return &exitError{code: exitError_, name: "not_ready", message: fmt.Sprintf("the server is not ready (status %d)", state.status), hints: state.failing()}
	}
	if c.json || c.jsonl {
		return c.printJSON(map[string]bool{"ready": true})
	}
	if c.quiet {
		return nil
	}
	_, err = fmt.Fprintln(c.stdout, "ready")
	return err
}

// health is what /readyz says.
type health struct {
	telemetry.Health
	status int
}

// failing lists the checks that do not pass, with what is told of them.
func (h health) failing() []string {
	var out []string
	for name, state := range h.Checks {
		if state == "ok" {
			continue
		}
		line := clean(name + " is " + state)
		if why := h.Reasons[name]; why != "" {
			line += ": " + clean(why)
		}
		out = append(out, line)
	}
	slices.Sort(out)
	return out
}

// readiness asks a server for /readyz.
func readiness(ctx context.Context, server string) (h health, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, server+"/readyz", nil)
	if err != nil {
		return h, usageError("the server's address is not a URL")
	}
	resp, err := (&http.Client{}).Do(req)
	if err != nil {
		return h, unreachable(server, err, "start one with: zonehold serve")
	}
	defer resp.Body.Close()
	h.status = resp.StatusCode
	err = json.NewDecoder(io.LimitReader(resp.Body, 64<<10)).Decode(&h.Health)
	if h.status == http.StatusOK && (err != nil || !h.Ready) {
		return h, &exitError{code: exitUnreachable, name: "server_unreachable", message: "what answers at " + server + " is no zonehold"}
	}
	h.Ready = h.Ready && h.status == http.StatusOK
	return h, nil
}
