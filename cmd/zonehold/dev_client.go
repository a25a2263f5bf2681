package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/zonehold/zonehold/api"
	"github.com/zonehold/zonehold/problem"
)

func createDomain(name string) api.CreateDomain { return api.CreateDomain{Hostname: name} }

func (c *cli) devRecordCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "record", Short: "The DNS panel of the fake internet"}
	var server string
	add := &cobra.Command{
		Use:   "add NAME TYPE VALUE",
		Short: "Publish a record, such as: add _zonehold-challenge.tea.example TXT token=…",
		Args:  exactly("NAME", "TYPE", "VALUE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			in := devRecord{Name: args[0], Type: strings.ToUpper(args[1]), Values: args[2:], Server: server}
			return c.panel(cmd.Context(), "/dev/records", in, nil, fmt.Sprintf("%s %s added", in.Name, in.Type))
		},
	}
	add.Flags().StringVar(&server, "only-on", "", "publish it on this name server alone")
	remove := &cobra.Command{
		Use:   "remove NAME TYPE",
		Short: "Take records away",
		Args:  exactly("NAME", "TYPE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			in := devRecord{Name: args[0], Type: strings.ToUpper(args[1])}
			return c.panel(cmd.Context(), "/dev/records/remove", in, nil, fmt.Sprintf("%s %s removed", in.Name, in.Type))
		},
	}
	list := &cobra.Command{
		Use:   "list",
		Short: "List the records of the fake internet",
		Args:  exactly(),
		RunE: func(cmd *cobra.Command, args []string) error {
			var records []devRecord
			if err := c.panel(cmd.Context(), "/dev/records", nil, &records, ""); err != nil {
				return err
			}
			if c.json {
				return c.printJSON(records)
			}
			for _, r := range records {
				var err error
				if c.jsonl {
					err = c.printJSON(r)
				} else {
					_, err = fmt.Fprintf(c.stdout, "%s\t%s\t%s\t%s\n", r.Name, r.Type, strings.Join(r.Values, " "), r.Server)
				}
				if err != nil {
					return err
				}
			}
			return nil
		},
	}
	cmd.AddCommand(add, remove, list)
	c.settingFlagsOf(cmd, "server")
	return cmd
}

func (c *cli) devPageCommand() *cobra.Command {
	var status int
	cmd := &cobra.Command{
		Use:   "page URL BODY",
		Short: "Serve a page on the fake internet; - reads the body from standard input",
		Args:  exactly("URL", "BODY"),
		RunE: func(cmd *cobra.Command, args []string) error {
			u, err := url.Parse(args[0])
			if err != nil || u.Host == "" {
				return usageError("the first argument is a URL, such as https://tea.example/file.txt")
			}
			body := args[1]
			if body == "-" {
				data, err := io.ReadAll(io.LimitReader(c.stdin, 1<<20))
				if err != nil {
					return fmt.Errorf("reading the body: %w", err)
				}
				body = string(data)
			}
			page := devPage{Host: u.Hostname(), Path: u.Path, Status: status, Body: body}
			if page.Path == "" {
				page.Path = "/"
			}
			return c.panel(cmd.Context(), "/dev/pages", page, nil, fmt.Sprintf("%s%s answers %d, over http and https", page.Host, page.Path, page.Status))
		},
	}
	cmd.Flags().IntVar(&status, "status", 200, "HTTP status")
	c.settingFlags(cmd, "server")
	return cmd
}

func (c *cli) devMailCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "mail",
		Short: "Show the mails that the service sent on the fake internet",
		Args:  exactly(),
		RunE: func(cmd *cobra.Command, args []string) error {
			var mails []devMail
			if err := c.panel(cmd.Context(), "/dev/mails", nil, &mails, ""); err != nil {
				return err
			}
			if c.json {
				return c.printJSON(mails)
			}
			for i, m := range mails {
				var err error
				if c.jsonl {
					err = c.printJSON(m)
				} else {
					if i > 0 {
						fmt.Fprintln(c.stdout)
					}
					_, err = fmt.Fprintf(c.stdout, "%s\n%s\n\n%s\n", c.paint(bold, "To: "+clean(strings.Join(m.To, ", "))),
						"Subject: "+clean(m.Subject), strings.TrimRight(m.Text, "\n"))
				}
				if err != nil {
					return err
				}
			}
			return nil
		},
	}
	c.settingFlags(cmd, "server")
	return cmd
}

// panel calls the control panel of a running `zonehold dev`; says is the
// answer for people.
func (c *cli) panel(ctx context.Context, path string, in, out any, says string) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	ctx, cancel := c.deadline(ctx, 10*time.Second)
	defer cancel()
	method, body := http.MethodGet, []byte(nil)
	if in != nil {
		method = http.MethodPost
		if body, err = json.Marshal(in); err != nil {
			return err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimRight(cfg.Server, "/")+path, bytes.NewReader(body))
	if err != nil {
		return usageError("the server's address is not a URL")
	}
	resp, err := (&http.Client{}).Do(req)
	if err != nil {
		return unreachable(cfg.Server, err, "start it with: zonehold dev")
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, 4<<20))
	if err != nil {
		return err
	}
	if resp.StatusCode == http.StatusNotFound {
		return &exitError{code: exitNotFound, name: "not_a_dev_server", message: cfg.Server + " is not a fake internet", hints: []string{"start one with: zonehold dev"}}
	}
	if resp.StatusCode != http.StatusOK {
		var refusal struct{ Error string }
		if json.Unmarshal(data, &refusal) != nil || refusal.Error == "" {
			refusal.Error = fmt.Sprintf("the server answered with status %d", resp.StatusCode)
		}
		return usageError(problem.Clean(refusal.Error, 200))
	}
	if out != nil {
		return json.Unmarshal(data, out)
	}
	if in != nil && (c.json || c.jsonl) {
		return c.printJSON(in)
	}
	if says != "" && !c.quiet {
		fmt.Fprintln(c.stdout, says)
	}
	return nil
}
