package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/api"
	"github.com/zonehold/zonehold/client"
)

func (c *cli) webhookCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "webhook",
		Short: "URLs that the account's events are sent to, as they happen",
		Long: `URLs that the account's events are sent to, as they happen, in the form of
Standard Webhooks 1.0.0. The token needs the scope admin.`,
	}
	cmd.AddCommand(c.webhookAdd(), c.webhookList(), c.webhookShow(), c.webhookSet(), c.webhookRotate(), c.webhookTest(),
		c.webhookDeliveries(), c.webhookReplay(), c.webhookRemove(), c.webhookVerify())
	c.settingFlagsOf(cmd, "server")
	return cmd
}

const webhookEventsHelp = "which events: types, groups such as domain.*, or *; several with commas; default: all but attempt.completed"

func (c *cli) webhookAdd() *cobra.Command {
	var in api.CreateWebhook
	cmd := &cobra.Command{
		Use:   "add URL",
		Short: "Have events sent to a URL; prints the secret once",
		Long: `Have events sent to a URL from now on. The secret with which each request is
signed is printed this once.`,
		Example: `  zonehold webhook add https://hooks.example.com/zonehold
  zonehold webhook add https://hooks.example.com/zonehold --events domain.at_risk,domain.lapsed`,
		Args: exactly("URL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			in.URL = args[0]
			return c.api(cmd, time.Minute, func(ctx context.Context, cl *client.Client) error {
				w, err := cl.CreateWebhook(ctx, in)
				if err != nil {
					return err
				}
				return c.printSecret(w, "gets events from now on; try it with: zonehold webhook test "+w.ID)
			})
		},
	}
	cmd.Flags().StringSliceVar(&in.Events, "events", nil, webhookEventsHelp)
	cmd.Flags().StringVar(&in.Description, "description", "", "a note for yourself")
	return cmd
}

// printSecret shows a secret, which nobody shows again.
func (c *cli) printSecret(w *api.NewWebhook, what string) error {
	switch {
	case c.json || c.jsonl:
		return c.printJSON(w)
	case c.quiet:
		_, err := fmt.Fprintln(c.stdout, w.Secret)
		return err
	}
	_, err := fmt.Fprintf(c.stdout, "%s %s  %s\n  %s\n  secret, shown only now:\n\n%s\n", c.paint(green, "✔"), c.paint(bold, clean(w.URL)), c.paint(dim, w.ID), what, w.Secret)
	return err
}

func webhookState(w *api.Webhook) string {
	switch {
	case !w.Enabled && w.DisabledReason != nil:
		return "disabled (" + clean(*w.DisabledReason) + ")"
	case !w.Enabled:
		return "disabled"
	case w.FailingSince != nil:
		return "failing since " + w.FailingSince.UTC().Format(time.RFC3339)
	}
	return "enabled"
}

func webhookChoice(w *api.Webhook) string {
	if len(w.Events) == 0 {
		return "all but attempt.completed"
	}
	return clean(strings.Join(w.Events, ","))
}

func (c *cli) webhookList() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List webhooks, one per line",
		Args:  exactly(),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.api(cmd, time.Minute, func(ctx context.Context, cl *client.Client) error {
				all, err := cl.Webhooks(ctx)
				if err != nil {
					return err
				}
				return rows(c, sequence(all), func(w api.Webhook) string {
					return fmt.Sprintf("%s\t%s\t%s\t%s", w.ID, clean(w.URL), webhookState(&w), webhookChoice(&w))
				})
			})
		},
	}
}

const webhooksAre = "zonehold webhook list"

func (c *cli) printWebhook(w *api.Webhook) error {
	if c.json || c.jsonl {
		return c.printJSON(w)
	}
	if c.quiet {
		_, err := fmt.Fprintln(c.stdout, w.ID)
		return err
	}
	lines := [][2]string{{"id", w.ID}, {"state", webhookState(w)}, {"events", webhookChoice(w)}}
	if w.Description != "" {
		lines = append(lines, [2]string{"description", clean(w.Description)})
	}
	if w.PausedUntil != nil {
		lines = append(lines, [2]string{"paused until", w.PausedUntil.UTC().Format(time.RFC3339)})
	}
	if w.OldSecretUntil != nil {
		lines = append(lines, [2]string{"old secret", "signs too until " + w.OldSecretUntil.UTC().Format(time.RFC3339)})
	}
	if _, err := fmt.Fprintln(c.stdout, c.paint(bold, clean(w.URL))); err != nil {
		return err
	}
	for _, l := range lines {
		if _, err := fmt.Fprintf(c.stdout, "  %-13s %s\n", l[0], l[1]); err != nil {
			return err
		}
	}
	return nil
}

func (c *cli) webhookShow() *cobra.Command {
	return &cobra.Command{
		Use:   "show ID",
		Short: "Show a webhook; never its secret",
		Args:  exactly("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.api(cmd, time.Minute, func(ctx context.Context, cl *client.Client) error {
				w, err := cl.Webhook(ctx, args[0])
				if err != nil {
					return seeList(err, webhooksAre)
				}
				return c.printWebhook(w)
			})
		},
	}
}

func (c *cli) webhookSet() *cobra.Command {
	var (
		url, description string
		events           []string
		enable, disable  bool
	)
	cmd := &cobra.Command{
		Use:   "set ID",
		Short: "Change a webhook, or switch it on or off",
		Long: `Change a webhook, or switch it on or off. One that is switched on again gets what
happens from then on; "zonehold webhook replay" sends the rest.`,
		Example: `  zonehold webhook set whk_06c4b1q2v8h3k5n7p9r1s3t5u0 --url https://hooks.example.com/new
  zonehold webhook set whk_06c4b1q2v8h3k5n7p9r1s3t5u0 --enable`,
		Args: exactly("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var p api.WebhookPatch
			f := cmd.Flags()
			if f.Changed("url") {
				p.URL = &url
			}
			if f.Changed("description") {
				p.Description = &description
			}
			if f.Changed("events") {
				if len(events) == 1 && events[0] == "" {
					events = []string{}
				}
				p.Events = &events
			}
			switch {
			case enable && disable:
				return usageError("--enable and --disable exclude each other")
			case enable || disable:
				p.Enabled = &enable
			case p == api.WebhookPatch{}:
				return usageError("nothing to change", "give at least one of --url, --events, --description, --enable, --disable")
			}
			return c.api(cmd, time.Minute, func(ctx context.Context, cl *client.Client) error {
				w, err := cl.UpdateWebhook(ctx, args[0], p)
				if err != nil {
					return seeList(err, webhooksAre)
				}
				return c.printWebhook(w)
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&url, "url", "", "where events go")
	f.StringSliceVar(&events, "events", nil, webhookEventsHelp)
	f.StringVar(&description, "description", "", "a note for yourself")
	f.BoolVar(&enable, "enable", false, "send events again")
	f.BoolVar(&disable, "disable", false, "send nothing more")
	return cmd
}

func (c *cli) webhookRotate() *cobra.Command {
	return &cobra.Command{
		Use:   "rotate ID",
		Short: "Make a new secret; the old one signs too for 24 hours",
		Args:  exactly("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.api(cmd, time.Minute, func(ctx context.Context, cl *client.Client) error {
				w, err := cl.RotateWebhook(ctx, args[0])
				if err != nil {
					return seeList(err, webhooksAre)
				}
				return c.printSecret(w, "for 24 hours the old secret signs, too")
			})
		},
	}
}

func (c *cli) webhookTest() *cobra.Command {
	return &cobra.Command{
		Use:   "test ID",
		Short: "Send a webhook.test now, and say what happened",
		Long:  "Send a webhook.test now, and say what happened. Exit code 0: it was taken, 3: not,\n5: it is not known yet.",
		Args:  exactly("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.api(cmd, time.Minute, func(ctx context.Context, cl *client.Client) error {
				d, err := cl.TestWebhook(ctx, args[0])
				if err != nil {
					return seeList(err, webhooksAre)
				}
				if c.json || c.jsonl {
					err = c.printJSON(d)
				} else {
					err = c.printDelivery(d)
				}
				switch {
				case err != nil || d.State == "delivered":
					return err
				case d.EndedAt == nil:
					return answered(exitPartial, "test_not_sent")
				}
				return answered(exitNo, "test_failed")
			})
		},
	}
}

// lastTry tells of the last try in a few words.
func lastTry(d *api.Delivery) string {
	if len(d.Tries) == 0 {
		return "no try yet"
	}
	t := d.Tries[len(d.Tries)-1]
	took := time.Duration(t.DurationMS) * time.Millisecond
	switch {
	case t.Error == nil && t.Status != nil:
		return fmt.Sprintf("%d in %s", *t.Status, took)
	case t.Error == nil:
		return "well in " + took.String()
	}
	return fmt.Sprintf("%s (%s)", strings.TrimSuffix(clean(*t.Error), "."), took)
}

func (c *cli) printDelivery(d *api.Delivery) error {
	mark := map[string]string{"delivered": c.paint(green, "✔"), "failed": c.paint(red, "✘")}[d.State]
	if mark == "" {
		mark = c.paint(yellow, "…")
	}
	_, err := fmt.Fprintf(c.stdout, "%s %s %s: %s  %s\n", mark, clean(d.EventType), d.State, lastTry(d), c.paint(dim, d.ID))
	return err
}

func (c *cli) webhookDeliveries() *cobra.Command {
	var q client.DeliveryQuery
	cmd := &cobra.Command{
		Use:   "deliveries ID",
		Short: "The delivery log of a webhook, newest first, one per line",
		Args:  exactly("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.api(cmd, 5*time.Minute, func(ctx context.Context, cl *client.Client) error {
				return seeList(rows(c, cl.AllDeliveries(ctx, args[0], q), func(d api.Delivery) string {
					next := ""
					if d.NextTryAt != nil {
						next = "\tnext " + d.NextTryAt.UTC().Format(time.RFC3339)
					}
					return fmt.Sprintf("%s\t%s\t%s\t%d tries\t%s%s", d.ID, clean(d.EventType), d.State, len(d.Tries), lastTry(&d), next)
				}), webhooksAre)
			})
		},
	}
	cmd.Flags().StringVar(&q.State, "state", "", "only those: waiting, sending, delivered, failed or canceled")
	return cmd
}

func (c *cli) webhookReplay() *cobra.Command {
	var (
		since string
		all   bool
	)
	cmd := &cobra.Command{
		Use:   "replay DELIVERY | replay WEBHOOK --since TIME",
		Short: "Send an event again, or all since a time that were not delivered",
		Example: `  zonehold webhook replay dlv_06c4b1q2v8h3k5n7p9r1s3t5u0
  zonehold webhook replay whk_06c4b1q2v8h3k5n7p9r1s3t5u0 --since 24h`,
		Args: exactly("DELIVERY|WEBHOOK"),
		RunE: func(cmd *cobra.Command, args []string) error {
			one := !zonehold.ValidID(zonehold.PrefixWebhook, args[0])
			var from time.Time
			switch {
			case one && (since != "" || all):
				return usageError("--since and --all are for a whole webhook", "give the id of a webhook, whk_…")
			case !one && since == "":
				return usageError("--since is missing", "give a time such as 2026-11-22T08:00:00Z, or how long ago: 24h")
			case !one:
				var err error
				if from, err = past("--since", since, time.Now()); err != nil {
					return err
				}
			}
			return c.api(cmd, 5*time.Minute, func(ctx context.Context, cl *client.Client) error {
				if one {
					d, err := cl.ReplayDelivery(ctx, args[0])
					switch {
					case err != nil:
						return err
					case c.json || c.jsonl:
						return c.printJSON(d)
					case c.quiet:
						return nil
					}
					return c.printDelivery(d)
				}
				n, err := cl.ReplayWebhook(ctx, args[0], from, all)
				switch {
				case err != nil:
					return seeList(err, webhooksAre)
				case c.json || c.jsonl:
					return c.printJSON(api.Replayed{Events: n})
				case c.quiet:
					return nil
				}
				_, err = fmt.Fprintf(c.stdout, "%d events are on their way again\n", n)
				return err
			})
		},
	}
	cmd.Flags().StringVar(&since, "since", "", "a time such as 2026-11-22T08:00:00Z, or how long ago: 24h, 7d")
	cmd.Flags().BoolVar(&all, "all", false, "also what was delivered")
	return cmd
}

func (c *cli) webhookRemove() *cobra.Command {
	return &cobra.Command{
		Use:   "remove ID",
		Short: "Remove a webhook and its delivery log",
		Args:  exactly("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.api(cmd, time.Minute, func(ctx context.Context, cl *client.Client) error {
				if err := cl.DeleteWebhook(ctx, args[0]); err != nil {
					return seeList(err, webhooksAre)
				}
				return c.printRemoved(args[0])
			})
		},
	}
}
