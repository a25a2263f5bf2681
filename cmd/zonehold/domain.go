package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/api"
	"github.com/zonehold/zonehold/client"
	"github.com/zonehold/zonehold/problem"
)

func (c *cli) domainCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "domain",
		Short: "Domains of a server",
		Long: `Domains of a server, named by --server or ZONEHOLD_SERVER. The token comes from
ZONEHOLD_TOKEN or ZONEHOLD_TOKEN_FILE.`,
	}
	cmd.AddCommand(c.domainAdd(), c.domainList(), c.domainShow(), c.domainCheck(), c.domainWait(), c.domainRemove(),
		c.domainToken(), c.domainTransfer(), c.domainTransfers(), c.domainContest(), c.domainRegistration())
	c.settingFlagsOf(cmd, "server")
	return cmd
}

// api runs fn with a client to the configured server.
func (c *cli) api(cmd *cobra.Command, limit time.Duration, fn func(ctx context.Context, cl *client.Client) error) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	cl, err := client.New(cfg.Server, cfg.Token)
	if err != nil {
		return usageError(err.Error())
	}
	ctx, cancel := c.deadline(cmd.Context(), limit)
	defer cancel()
	err = fn(ctx, cl)
	var refused *client.Error
	if errors.As(err, &refused) && strings.HasSuffix(refused.Detail, "no such domain in this account.") && len(refused.Fixes) == 0 {
		refused.Fixes = []string{"those there are: zonehold domain list"}
	}
	if errors.Is(err, context.DeadlineExceeded) && cmd.Context().Err() == nil {
		return timeUp()
	}
	return err
}

func (c *cli) domainAdd() *cobra.Command {
	var in api.CreateDomain
	var file string
	cmd := &cobra.Command{
		Use:   "add DOMAIN...",
		Short: "Claim domains and print what proves them",
		Long:  "Claim domains and print what proves them. A domain that is there already is shown.\nNames come from arguments, from -l FILE, or with - from standard input; blank lines and # are ignored.",
		RunE: func(cmd *cobra.Command, args []string) error {
			b, err := c.names(cmd.Context(), args, file)
			if err != nil {
				return err
			}
			return c.api(cmd, b.limit(), func(ctx context.Context, cl *client.Client) error {
				return c.each(b, func(name string) (any, error) {
					one := in
					one.Hostname = name
					d, created, err := cl.CreateDomain(ctx, one)
					if err == nil && !c.json && !c.jsonl {
						err = c.printAdded(d, created)
					}
					return d, err
				})
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&in.Profile, "profile", "", "whose strings prove it: zonehold (default), yandex or probely")
	f.StringVar(&in.Scheme, "scheme", "", "check the site only over http or https")
	f.IntVar(&in.Port, "port", 0, "the site's own port")
	f.StringVarP(&file, "list", "l", "", "file with one name per line")
	return cmd
}

func (c *cli) printAdded(d *api.Domain, created bool) error {
	if c.quiet {
		_, err := fmt.Fprintln(c.stdout, d.ID)
		return err
	}
	verb := "added"
	if !created {
		verb = "is there already"
	}
	fmt.Fprintf(c.stdout, "%s %s  %s\n", c.paint(bold, bothForms(d)), verb, c.paint(dim, d.ID))
	if d.Verified {
		fmt.Fprintf(c.stdout, "  %s verified\n", c.paint(green, "✔"))
		return nil
	}
	fmt.Fprintln(c.stdout, "Any one of these proves it; then run: zonehold domain check "+d.Hostname)
	c.printWireChallenges(d)
	return nil
}

// bothForms shows both forms of an internationalised name.
func bothForms(d *api.Domain) string {
	if d.HostnameUnicode != "" && d.HostnameUnicode != d.Hostname {
		return fmt.Sprintf("%s (%s)", d.HostnameUnicode, d.Hostname)
	}
	return d.Hostname
}

// printWireChallenges prints the challenges of a domain.
func (c *cli) printWireChallenges(d *api.Domain) {
	for _, ch := range d.Challenges {
		whois := ch.Method == string(zonehold.MethodWHOIS) // asked only on request
		if ch.Automatic && !(whois && ch.Applicable) {
			continue
		}
		name := c.paint(bold, strings.ReplaceAll(ch.Method, "_", "-"))
		switch {
		case !ch.Applicable:
			fmt.Fprintf(c.stdout, "  %s  not possible here: %s\n", name, deref(ch.Reason))
		case ch.Record != nil:
			c.printRecord(c.stdout, name, ch.Record.Type, ch.Record.Name, ch.Record.RelativeName, ch.Record.Value)
		case ch.File != nil:
			c.printFile(c.stdout, name, ch.File.URLs, ch.File.Content)
		case ch.Tag != nil:
			c.printTag(c.stdout, name, ch.Tag.HTML)
		case whois:
			fmt.Fprintf(c.stdout, "  %s  nothing to place, if the registration shows a confirmed mail address of the account;\n    run    zonehold domain check %s --method whois\n", name, d.Hostname)
		}
	}
}

func deref[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

func (c *cli) domainList() *cobra.Command {
	var f client.DomainQuery
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List domains, one per line",
		Args:  exactly(),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.api(cmd, 5*time.Minute, func(ctx context.Context, cl *client.Client) error { return c.listDomains(ctx, cl, f) })
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&f.State, "state", "", "only pending, verified, at_risk or lapsed ones")
	fl.StringVar(&f.Method, "method", "", "only those proved by this method")
	fl.StringVar(&f.Text, "search", "", "only names that contain this")
	fl.StringVar(&f.Sort, "sort", "", "hostname, created_at, -created_at, state_since or -state_since")
	return cmd
}

func (c *cli) listDomains(ctx context.Context, cl *client.Client, f client.DomainQuery) error {
	f.Method = strings.ReplaceAll(f.Method, "-", "_")
	all := []api.Domain{}
	for d, err := range cl.AllDomains(ctx, f) {
		switch {
		case err != nil:
		case c.json:
			all = append(all, d)
		case c.jsonl:
			err = c.printJSON(d)
		case c.quiet:
			_, err = fmt.Fprintln(c.stdout, d.Hostname)
		default:
			_, err = fmt.Fprintf(c.stdout, "%s\t%s\t%s\t%s\n", d.Hostname, d.State, strings.ReplaceAll(deref(d.Method), "_", "-"), d.ID)
		}
		if err != nil {
			return err
		}
	}
	if c.json {
		return c.printJSON(all)
	}
	return nil
}

func (c *cli) domainShow() *cobra.Command {
	return &cobra.Command{
		Use:   "show DOMAIN",
		Short: "Show what is true of a domain, and whose turn it is",
		Args:  exactly("DOMAIN"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.api(cmd, time.Minute, func(ctx context.Context, cl *client.Client) error {
				d, err := cl.Domain(ctx, args[0])
				if err != nil {
					return err
				}
				return c.showDomain(d)
			})
		},
	}
}

func (c *cli) showDomain(d *api.Domain) error {
	if c.json || c.jsonl {
		return c.printJSON(d)
	}
	mark := map[string]string{"verified": c.paint(green, "✔"), "pending": "◷", "at_risk": c.paint(yellow, "⚠"), "lapsed": c.paint(red, "✘")}[d.State]
	fmt.Fprintf(c.stdout, "%s %s  %s since %s\n", mark, c.paint(bold, bothForms(d)), d.State, d.StateSince.Local().Format(time.DateTime))
	if d.Method != nil {
		verb := "proved"
		if !d.Verified {
			verb = "was proved"
		}
		line := fmt.Sprintf(verb+" by %s, covers the %s", strings.ReplaceAll(*d.Method, "_", "-"), deref(d.Covers))
		if d.ProofSource != nil {
			line += ", rests on " + clean(*d.ProofSource)
		}
		fmt.Fprintf(c.stdout, "  %s\n", line)
	}
	fmt.Fprintf(c.stdout, "  %s\n", map[string]string{"you": "Your turn.", "us": "A check is under way.", "nobody": "Nothing to do."}[d.Turn])
	c.showProofs(d)
	if d.NextCheckAt != nil {
		fmt.Fprintf(c.stdout, "  next check %s\n", d.NextCheckAt.Local().Format(time.DateTime))
	}
	if d.GraceEndsAt != nil {
		fmt.Fprintf(c.stdout, "  the grace ends %s\n", d.GraceEndsAt.Local().Format(time.DateTime))
	}
	if d.TriesEndAt != nil {
		fmt.Fprintf(c.stdout, "  checked by itself until %s\n", d.TriesEndAt.Local().Format(time.DateTime))
	}
	if d.Verified && !d.ScansAllowed && d.ScansReason != nil {
		fmt.Fprintf(c.stdout, "  no scans: %s\n", clean(*d.ScansReason))
	}
	if d.Problem != nil {
		fmt.Fprintf(c.stdout, "\n%s  %s\n", c.paint(bold, d.Problem.Title), c.paint(dim, d.Problem.Code))
		c.printProblem(c.stdout, wireProblem(d.Problem))
	}
	if d.State != "verified" {
		fmt.Fprintln(c.stdout, "\nAny one of these proves it:")
		c.printWireChallenges(d)
	}
	return nil
}

// showStanding says that a failed check took nothing away yet.
func (c *cli) showStanding(d *api.Domain) {
	until := "; zonehold domain show says what comes next"
	if d.GraceEndsAt != nil {
		until = " until " + d.GraceEndsAt.Local().Format(time.DateTime)
	}
	fmt.Fprintf(c.stdout, "  %s %s: it counts as verified%s\n", c.paint(dim, fmt.Sprintf("%-15s", "State")), d.State, until)
}

// showProofs says which proofs are in place, where that is not what the line
// above it says.
func (c *cli) showProofs(d *api.Domain) {
	if d.FrozenAt != nil {
		fmt.Fprintf(c.stdout, "  waits since %s for a proof with new values (%s)\n", d.FrozenAt.Local().Format(time.DateTime), clean(deref(d.FreezeReason)))
	}
	if len(d.Proofs) < 2 && (!d.Verified || d.Proof.Present) {
		return
	}
	for _, p := range d.Proofs {
		state := "in place"
		if p.MissingSince != nil {
			state = "missing since " + p.MissingSince.Local().Format(time.DateTime)
		}
		if p.SeenAt != nil {
			state += ", seen " + p.SeenAt.Local().Format(time.DateTime)
		}
		fmt.Fprintf(c.stdout, "  proof %s: %s\n", strings.ReplaceAll(clean(p.Method), "_", "-"), state)
	}
}

// wireProblem is the problem of a reply in the form that the printer takes.
func wireProblem(p *api.Problem) *problem.Problem {
	if p == nil {
		return nil
	}
	return &problem.Problem{Code: problem.Code(p.Code), Severity: problem.Severity(p.Severity), Title: p.Title,
		LookedFor: deref(p.LookedFor), Found: deref(p.Found), Fixes: p.Fixes, SeeItYourself: deref(p.SeeItYourself),
		WhoActs: problem.Actor(p.WhoActs), RetryAfterSeconds: deref(p.RetryAfterSeconds), DocsURL: p.DocsURL}
}

func (c *cli) domainCheck() *cobra.Command {
	var method string
	cmd := &cobra.Command{
		Use:   "check DOMAIN",
		Short: "Check a proof now and explain the answer",
		Long:  "Check a proof now and explain the answer. Exit code 0: verified. 3: not verified.\n4: still running. 5: the server could not ask. 14: a check is under way already.",
		Args:  exactly("DOMAIN"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.api(cmd, 65*time.Second, func(ctx context.Context, cl *client.Client) error {
				return c.checkDomain(ctx, cl, args[0], method)
			})
		},
	}
	cmd.Flags().StringVarP(&method, "method", "m", "", "one method ("+allMethodWords()+"); default: every one until one proves")
	return cmd
}

func (c *cli) checkDomain(ctx context.Context, cl *client.Client, ref, method string) error {
	if method != "" {
		m, err := parseMethod(method, allMethodWords())
		if err != nil {
			return err
		}
		method = string(m.Name())
	}
	a, err := cl.StartAttempt(ctx, ref, method, remaining(ctx))
	if err == nil && !a.Finished() {
		a, err = cl.WaitAttempt(ctx, a.ID)
	}
	if err != nil {
		return err
	}
	if c.json || c.jsonl {
		err = c.printJSON(a)
	} else {
		d, derr := cl.Domain(ctx, ref)
		if derr != nil {
			d = &api.Domain{Hostname: ref, HostnameUnicode: ref}
		}
		err = c.printAttempt(c.stdout, bothForms(d), a)
		if deref(a.Outcome) != "verified" && d.Verified {
			c.showStanding(d)
		}
	}
	if err != nil {
		return err
	}
	return attemptVerdict(a)
}

// remaining is how long the server may hold the reply, with time left to read it.
func remaining(ctx context.Context) time.Duration {
	const longest = time.Minute // what the server accepts
	end, ok := ctx.Deadline()
	if !ok {
		return longest
	}
	return min(max(time.Until(end)-time.Second, 0), longest)
}

func (c *cli) printAttempt(w io.Writer, ref string, a *api.Attempt) error {
	took := time.Duration(deref(a.DurationMS)) * time.Millisecond
	method := strings.ReplaceAll(deref(a.Method), "_", "-")
	switch {
	case a.State == "canceled":
		fmt.Fprintf(w, "✘ the check of %s was canceled; the domain changed meanwhile\n", ref)
	case deref(a.Outcome) == "verified":
		fmt.Fprintf(w, "%s %s is verified by %s  %s\n", c.paint(green, "✔"), c.paint(bold, ref), method, c.paint(dim, duration(took)))
	default:
		title, code := "the check gave no reason", ""
		if a.Problem != nil {
			title, code = a.Problem.Title, a.Problem.Code
		}
		fmt.Fprintf(w, "%s %s is not verified: %s\n", c.paint(red, "✘"), c.paint(bold, ref), c.paint(bold, title))
		fmt.Fprintf(w, "  %s\n", c.paint(dim, joinNonEmpty(" · ", code, deref(a.Outcome), method, duration(took))))
		if a.Problem != nil {
			c.printProblem(w, wireProblem(a.Problem))
		}
	}
	for _, n := range a.Notes {
		c.printNotes(w, []problem.Problem{*wireProblem(&n)})
	}
	if c.verbose {
		steps := make([]zonehold.Step, len(a.Steps))
		for i, st := range a.Steps {
			steps[i] = zonehold.Step{Name: st.Name, Target: st.Target, OK: st.OK, Result: st.Result, Duration: time.Duration(st.DurationMS) * time.Millisecond}
		}
		c.printSteps(c.stderr, steps)
	}
	return nil
}

func joinNonEmpty(sep string, parts ...string) string {
	var kept []string
	for _, p := range parts {
		if p != "" {
			kept = append(kept, p)
		}
	}
	return strings.Join(kept, sep)
}

func attemptVerdict(a *api.Attempt) error {
	switch {
	case deref(a.Outcome) == "verified":
		return nil
	case a.State == "canceled":
		return answered(exitConflict, "attempt_canceled")
	case a.Problem != nil && a.Problem.WhoActs == string(problem.Us):
		return answered(exitPartial, a.Problem.Code)
	case a.Problem != nil:
		return answered(exitNo, a.Problem.Code)
	}
	return answered(exitNo, "not_verified")
}

func (c *cli) domainWait() *cobra.Command {
	var every time.Duration
	cmd := &cobra.Command{
		Use:   "wait DOMAIN",
		Short: "Check again and again until the domain is verified",
		Long:  "Check again and again until the domain is verified or --timeout (default 10m) is over. Exit code 0: verified, 4: not yet.",
		Args:  exactly("DOMAIN"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if every < time.Second {
				return usageError("--every is at least 1s")
			}
			return c.api(cmd, 10*time.Minute, func(ctx context.Context, cl *client.Client) error {
				return c.waitDomain(ctx, cl, args[0], every)
			})
		},
	}
	cmd.Flags().DurationVar(&every, "every", 20*time.Second, "time between two checks")
	return cmd
}

func (c *cli) waitDomain(ctx context.Context, cl *client.Client, ref string, every time.Duration) error {
	said := ""
	for {
		d, err := cl.Domain(ctx, ref)
		if err != nil {
			return err
		}
		if d.Verified {
			if c.json || c.jsonl {
				return c.printJSON(d)
			}
			_, err := fmt.Fprintf(c.stdout, "%s %s is verified by %s\n", c.paint(green, "✔"), c.paint(bold, bothForms(d)), strings.ReplaceAll(deref(d.Method), "_", "-"))
			return err
		}
		a, err := cl.StartAttempt(ctx, ref, "", remaining(ctx))
		var refused *client.Error
		switch {
		case errors.As(err, &refused) && (refused.Status == 409 || refused.Status == 429):
			// Somebody else's check runs, or the budget is used up: look again later.
			every = max(every, refused.RetryAfter)
		case err != nil:
			return err
		case deref(a.Outcome) == "verified":
			continue
		case a.Problem != nil && a.Problem.Code != said && !c.quiet:
			said = a.Problem.Code
			fmt.Fprintf(c.stderr, "◷ not yet: %s (%s)\n", a.Problem.Title, a.Problem.Code)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(every):
		}
	}
}

func (c *cli) domainRemove() *cobra.Command {
	var file string
	var yes bool
	cmd := &cobra.Command{
		Use:   "remove DOMAIN...",
		Short: "Give up claims; their codes never prove anything again",
		RunE: func(cmd *cobra.Command, args []string) error {
			b, err := c.names(cmd.Context(), args, file)
			if err != nil {
				return err
			}
			if !yes && len(b.names) > 1 {
				return usageError(fmt.Sprintf("this removes %d domains", len(b.names)), "say --yes if that is meant")
			}
			return c.api(cmd, b.limit(), func(ctx context.Context, cl *client.Client) error {
				return c.each(b, func(name string) (any, error) {
					err := cl.DeleteDomain(ctx, name)
					if err == nil && !c.json && !c.jsonl && !c.quiet {
						_, err = fmt.Fprintf(c.stdout, "%s removed\n", problem.Clean(name, 300))
					}
					return map[string]string{"removed": name}, err
				})
			})
		},
	}
	cmd.Flags().StringVarP(&file, "list", "l", "", "file with one name per line")
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "remove several without asking")
	return cmd
}
