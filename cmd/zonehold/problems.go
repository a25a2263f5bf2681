package main

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/zonehold/zonehold/api"
	"github.com/zonehold/zonehold/internal/app"
	"github.com/zonehold/zonehold/internal/httpapi"
	"github.com/zonehold/zonehold/problem"
)

func (c *cli) problemsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "problems [CODE]",
		Short: "The catalogue of reasons why a proof fails (offline)",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return exactly("CODE")(cmd, args)
			}
			return nil
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			var codes []string
			for _, e := range problem.Catalogue() {
				codes = append(codes, string(e.Code)+"\t"+e.Title)
			}
			return codes, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				return c.problem(args[0])
			}
			return c.problems()
		},
	}
}

func (c *cli) problems() error {
	all := problem.Catalogue()
	switch {
	case c.jsonl:
		for _, e := range all {
			if err := c.printJSON(httpapi.Entry(e)); err != nil {
				return err
			}
		}
		return nil
	case c.json:
		docs := make([]api.Entry, len(all))
		for i, e := range all {
			docs[i] = httpapi.Entry(e)
		}
		return c.printJSON(docs)
	}
	for _, e := range all {
		if _, err := fmt.Fprintf(c.stdout, "%-32s %s\n", e.Code, e.Title); err != nil {
			return err
		}
	}
	return nil
}

// blank is what a problem fills in when it is met.
var blank = regexp.MustCompile(`\{[a-z_]+\}`)

func (c *cli) problem(code string) error {
	e, ok := problem.Lookup(problem.Code(strings.ReplaceAll(code, "-", "_")))
	if !ok {
		return &exitError{code: exitNotFound, name: "no_such_problem",
			message: fmt.Sprintf("there is no problem code %q", problem.Clean(code, 40)), hints: []string{"all of them: zonehold problems"}}
	}
	if c.json || c.jsonl {
		return c.printJSON(httpapi.Entry(e))
	}
	fmt.Fprintf(c.stdout, "%s\n%s\n\n%s\n", c.paint(bold, string(e.Code)), e.Title, strings.Join(app.Fold(e.Meaning, c.width()), "\n"))
	if len(e.Fixes) > 0 {
		fmt.Fprintf(c.stdout, "\nTo change\n")
		for _, f := range e.Fixes {
			f = blank.ReplaceAllStringFunc(f, func(b string) string { return "<" + strings.ReplaceAll(b[1:len(b)-1], "_", " ") + ">" })
			fmt.Fprintf(c.stdout, "  - %s\n", strings.Join(app.Fold(f, c.width()-4), "\n    "))
		}
	}
	fmt.Fprintf(c.stdout, "\nWho acts: %s\n", whoActs(&problem.Problem{WhoActs: e.WhoActs, RetryAfterSeconds: e.RetryAfterSeconds}))
	return nil
}
