package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/zonehold/zonehold/internal/config"
)

func (c *cli) configCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "config", Short: "Show and check the settings"}
	var origin bool
	show := &cobra.Command{
		Use:   "show",
		Short: "Print every setting; secrets are masked",
		Args:  exactly(),
		RunE:  func(cmd *cobra.Command, args []string) error { return c.configShow(origin) },
	}
	show.Flags().BoolVar(&origin, "origin", false, "say where each value came from")
	check := &cobra.Command{
		Use:   "check",
		Short: "Check the settings without starting anything",
		Args:  exactly(),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := c.load()
			if err != nil {
				return err
			}
			if _, err := newOutside(cfg); err != nil {
				return err
			}
			if c.json || c.jsonl {
				return c.printJSON(map[string]any{"ok": true, "warnings": append([]string{}, cfg.Warnings()...)})
			}
			_, err = fmt.Fprintln(c.stdout, "The settings are fine.")
			return err
		},
	}
	cmd.AddCommand(show, check)
	return cmd
}

func (c *cli) configShow(origin bool) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	type row struct {
		Key    string `json:"key"`
		Value  string `json:"value"`
		Origin string `json:"origin"`
	}
	var rows []row
	for _, k := range config.Keys() {
		rows = append(rows, row{k.Name, cfg.Value(k.Name), cfg.Origin(k.Name).String()})
	}
	switch {
	case c.json:
		return c.printJSON(rows)
	case c.jsonl:
		for _, r := range rows {
			if err := c.printJSON(r); err != nil {
				return err
			}
		}
		return nil
	}
	for _, r := range rows {
		line := fmt.Sprintf("%-26s %s", r.Key, r.Value)
		if origin {
			line = fmt.Sprintf("%-26s %-36s %s", r.Key, r.Value, r.Origin)
		}
		if _, err := fmt.Fprintln(c.stdout, line); err != nil {
			return err
		}
	}
	return nil
}
