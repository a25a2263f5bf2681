package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/zonehold/zonehold/internal/config"
	"github.com/zonehold/zonehold/problem"
)

// cli is one run of the program.
type cli struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	env            func(string) string
	terminal       *os.File // of stdout; nil when that is none

	json, jsonl, quiet, noColor bool
	verbose                     bool
	configFile                  string
	timeout                     time.Duration
	flags                       map[string]string // configuration keys given as flags

	usageErr bool // the error came from reading the command line
}

func (c *cli) rootCommand() *cobra.Command {
	c.flags = map[string]string{}
	c.usageErr = true // until a command runs
	root := &cobra.Command{
		Use:   "zonehold",
		Short: "Prove who controls a domain, and learn exactly why a proof fails",
		Long: `Zonehold proves who controls a domain, says exactly why a proof fails, and
keeps the proofs of a whole service.

No server is needed for:   zonehold verify DOMAIN, zonehold explain DOMAIN
To see everything offline: zonehold dev
To run the service:        zonehold serve`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Version:       buildVersion(),
		PersistentPreRunE: func(cmd *cobra.Command, args []string) error {
			c.usageErr = false
			if c.json && c.jsonl {
				return usageError("--json and --jsonl exclude each other")
			}
			if c.timeout < 0 {
				return usageError("--timeout is a time to wait, such as 30s")
			}
			return nil
		},
	}
	f := root.PersistentFlags()
	f.BoolVar(&c.json, "json", false, "print one JSON document")
	f.BoolVar(&c.jsonl, "jsonl", false, "print one JSON document per line")
	f.BoolVarP(&c.quiet, "quiet", "q", false, "print results only")
	f.BoolVar(&c.quiet, "silent", false, "the same as --quiet")
	_ = f.MarkHidden("silent")
	f.BoolVarP(&c.verbose, "verbose", "v", false, "print every step")
	f.BoolVar(&c.noColor, "no-color", false, "no colours (also: NO_COLOR)")
	f.StringVarP(&c.configFile, "config", "c", "", "configuration file in YAML (also: ZONEHOLD_CONFIG)")
	f.DurationVar(&c.timeout, "timeout", 0, "give up after this time, such as 30s")

	root.AddCommand(
		c.verifyCommand(), c.explainCommand(),
		c.domainCommand(), c.delegateCommand(), c.emailCommand(), c.providerCommand(), c.webhookCommand(),
		c.accountCommand(), c.tokenCommand(), c.policyCommand(), c.breakerCommand(), c.auditCommand(), c.noticesCommand(), c.evidenceCommand(),
		c.serveCommand(), c.perspectiveCommand(), c.devCommand(), c.configCommand(), c.healthcheckCommand(), c.doctorCommand(), c.backupCommand(), c.restoreCommand(),
		c.problemsCommand(), c.versionCommand(),
	)
	root.SetHelpCommand(helpCommand())
	root.InitDefaultCompletionCmd()
	root.SetVersionTemplate("zonehold {{.Version}}\n")
	root.SetFlagErrorFunc(flagError)
	shape(root)
	for _, cmd := range allCommands(root) {
		if cmd.HasSubCommands() {
			group(cmd)
		}
	}
	return root
}

// group makes a command that only holds others answer a wrong word with an
// error instead of its help.
func group(cmd *cobra.Command) {
	if cmd.Run != nil || cmd.RunE != nil {
		return
	}
	cmd.Args = cobra.ArbitraryArgs
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return cmd.Help()
		}
		return unknownCommand(cmd, args[0])
	}
}

func unknownCommand(cmd *cobra.Command, word string) error {
	message := fmt.Sprintf("unknown command %q for %q", problem.Clean(word, 40), cmd.CommandPath())
	cmd.SuggestionsMinimumDistance = 2 // edits
	if meant := cmd.SuggestionsFor(word); len(meant) > 0 {
		return usageError(message, "did you mean: "+cmd.CommandPath()+" "+meant[0])
	}
	var names []string
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			names = append(names, sub.Name())
		}
	}
	return usageError(message, "one of: "+strings.Join(names, ", "))
}

func allCommands(cmd *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{cmd}
	for _, sub := range cmd.Commands() {
		all = append(all, allCommands(sub)...)
	}
	return all
}

// load reads the configuration for a command.
func (c *cli) load() (*config.Config, error) {
	file := c.configFile
	if file == "" {
		file = c.env("ZONEHOLD_CONFIG")
	}
	cfg, err := config.Load(config.Sources{File: file, Environ: c.environ(), Flags: c.flags})
	if err != nil {
		return nil, &exitError{code: exitUsage, name: "config_invalid",
			message: err.Error(), hints: []string{"the settings are listed by: zonehold serve --help"}}
	}
	for _, w := range cfg.Warnings() {
		c.warn(w)
	}
	return cfg, nil
}

// environ leaves out what is not a setting of package config.
func (c *cli) environ() []string {
	var out []string
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "ZONEHOLD_CONFIG=") && !strings.HasPrefix(kv, "ZONEHOLD_TEST_") {
			out = append(out, kv)
		}
	}
	return out
}

// settingFlags offers configuration keys as flags of a command.
func (c *cli) settingFlags(cmd *cobra.Command, names ...string) {
	for _, name := range names {
		for _, k := range config.Keys() {
			if k.Name == name {
				flag := &settingFlag{cli: c, key: k.Name}
				cmd.Flags().Var(flag, strings.TrimPrefix(k.Flag(), "--"), strings.ReplaceAll(k.Meaning, "`", "'"))
				if k.Secret { // refused, with the way to give it
					_ = cmd.Flags().MarkHidden(strings.TrimPrefix(k.Flag(), "--"))
				}
			}
		}
	}
}

type settingFlag struct {
	cli *cli
	key string
}

var _ pflag.Value = (*settingFlag)(nil)

func (f *settingFlag) String() string     { return "" }
func (f *settingFlag) Type() string       { return "value" }
func (f *settingFlag) Set(v string) error { f.cli.flags[f.key] = v; return nil }

// deadline applies --timeout, or d when it is not given.
func (c *cli) deadline(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	if c.timeout > 0 {
		d = c.timeout
	}
	return context.WithTimeout(ctx, d)
}

// spent reports whether --timeout is over, or so near that the probes, which
// keep some time to tell, have ended for it.
func (c *cli) spent(ctx context.Context) bool {
	end, ok := ctx.Deadline()
	return c.timeout > 0 && ok && time.Until(end) < c.timeout/5
}

// exactly wants n arguments and names the missing one.
func exactly(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < len(names) {
			return usageError(fmt.Sprintf("%s is missing", names[len(args)]), "usage: "+cmd.UseLine())
		}
		if len(args) > len(names) {
			return usageError(fmt.Sprintf("unexpected argument %q", args[len(names)]), "usage: "+cmd.UseLine())
		}
		return nil
	}
}
