package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// helpCommand is `zonehold help [COMMAND...]`.
func helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND...]",
		Short: "Help about a command",
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			var words []string
			if at, rest, err := cmd.Root().Find(args); err == nil && len(rest) == 0 {
				for _, sub := range at.Commands() {
					if sub.IsAvailableCommand() {
						words = append(words, sub.Name()+"\t"+sub.Short)
					}
				}
			}
			return words, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			at, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return unknownCommand(at, args[len(args)-max(len(rest), 1)])
			}
			at.InitDefaultHelpFlag()
			return at.Help()
		},
	}
}

// flagError adds to what is wrong with a flag where to look, and what was
// probably meant.
func flagError(cmd *cobra.Command, err error) error {
	if errors.Is(err, pflag.ErrHelp) {
		return err
	}
	message := err.Error()
	var hints []string
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) {
		if meant := nearestFlag(cmd, unknown.GetSpecifiedName()); meant != "" {
			hints = append(hints, "did you mean --"+meant+"?")
		}
	}
	var invalid *pflag.InvalidValueError
	if errors.As(err, &invalid) && invalid.GetFlag().Value.Type() == "duration" {
		message = fmt.Sprintf("%q is not a time for --%s", invalid.GetValue(), invalid.GetFlag().Name)
		hints = append(hints, "a time has a unit, such as 30s or 5m")
	}
	return usageError(message, append(hints, "see: "+cmd.CommandPath()+" --help")...)
}

// nearestFlag is the flag of cmd that begins like name, or holds it.
func nearestFlag(cmd *cobra.Command, name string) string {
	best := ""
	if len(name) < 2 {
		return best
	}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Hidden || best != "" {
			return
		}
		if strings.HasPrefix(f.Name, name) || strings.HasPrefix(name, f.Name) || strings.Contains(f.Name, name) ||
			strings.ReplaceAll(name, "_", "-") == f.Name {
			best = f.Name
		}
	})
	return best
}

// usageTemplate shows flags in lines that fit into a terminal.
const usageTemplate = `Usage:
  {{if .Runnable}}{{.UseLine}}{{end}}{{if .HasExample}}

Examples:
{{.Example}}{{end}}{{if .HasAvailableSubCommands}}

Commands:{{range .Commands}}{{if or .IsAvailableCommand (eq .Name "help")}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}{{end}}{{if .HasAvailableLocalFlags}}

Flags:
{{wrapped .LocalFlags}}{{end}}{{if .HasAvailableInheritedFlags}}

Flags of every command:
{{wrapped .InheritedFlags}}{{end}}{{if .HasAvailableSubCommands}}

More about a command: {{.CommandPath}} COMMAND --help{{end}}
`

// shape sets how help looks.
func shape(root *cobra.Command) {
	cobra.AddTemplateFunc("wrapped", func(f *pflag.FlagSet) string {
		return strings.TrimRight(f.FlagUsagesWrapped(96), " \n")
	})
	root.SetUsageTemplate(usageTemplate)
}
