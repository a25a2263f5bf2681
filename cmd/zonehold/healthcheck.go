package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"
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
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, server+"/readyz", nil)
	if err != nil {
		return usageError("the server's address is not a URL")
	}
	resp, err := (&http.Client{}).Do(req)
	if err != nil {
		return unreachable(server, err, "start one with: zonehold serve")
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return &exitError{code: exitError_, name: "not_ready", message: fmt.Sprintf("the server is not ready (status %d)", resp.StatusCode)}
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
