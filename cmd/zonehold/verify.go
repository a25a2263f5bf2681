package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/api"
	"github.com/zonehold/zonehold/diagnose"
	"github.com/zonehold/zonehold/internal/httpapi"
	"github.com/zonehold/zonehold/problem"
	"github.com/zonehold/zonehold/verify"
)

// probeSettings are the configuration keys that the commands without a server
// take as flags.
var probeSettings = []string{
	"dns_root_hints", "dns_trust_anchors", "dns_port", "dns_resolvers", "dns_forward", "http_ports",
	"egress_allow", "egress_deny", "nameservers_must", "cname_zone", "whois_root", "rdap_bootstrap",
}

type verifyOptions struct {
	method, profile, scheme string
	port                    uint16
	token, tokenFile        string
	given                   bool // one of the two, even if it is empty
	old                     []string
	renew, show             bool
}

func (c *cli) verifyCommand() *cobra.Command {
	var o verifyOptions
	cmd := &cobra.Command{
		Use:   "verify DOMAIN",
		Short: "Check the proof of a domain once and explain the answer (no server needed)",
		Long: `Check the proof of a domain once, at its authoritative servers, and explain
the answer. Without --token a code is made on first use and remembered in
$XDG_STATE_HOME/zonehold/tokens.json, so that the same command can be repeated
until the proof is in place.

Exit code 0: verified. 3: not verified. 4: --timeout was over before. 5: our own
network could not ask.`,
		Example: `  zonehold verify example.com
  zonehold verify example.com --method dns-txt --token 4qj2…
  zonehold verify example.com --method meta-tag --profile yandex --token 26aa…`,
		Args: exactly("DOMAIN"),
		RunE: func(cmd *cobra.Command, args []string) error { return c.verify(cmd, args[0], o) },
	}
	f := cmd.Flags()
	f.StringVarP(&o.method, "method", "m", "", "one method ("+methodWords()+"); default: every one until one proves")
	f.StringVar(&o.profile, "profile", "zonehold", "whose strings prove it: zonehold, yandex or probely")
	f.StringVar(&o.token, "token", "", "the code that must be there; - reads it from standard input")
	f.StringVar(&o.tokenFile, "token-file", "", "file that holds the code")
	f.StringArrayVar(&o.old, "old-token", nil, "an earlier code, so that it is recognised (may be repeated)")
	f.BoolVar(&o.renew, "renew", false, "make a new code; the one before is remembered as old")
	f.BoolVar(&o.show, "show", false, "print what to place, check nothing")
	f.StringVar(&o.scheme, "scheme", "", "check the site only over http or https")
	f.Uint16Var(&o.port, "port", 0, "the site's own port")
	c.settingFlags(cmd, probeSettings...)
	_ = cmd.RegisterFlagCompletionFunc("method", cobra.FixedCompletions(strings.Split(methodWords(), ", "), cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("profile", cobra.FixedCompletions([]string{"zonehold", "yandex", "probely"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// word is a method's name on the command line.
func word(m zonehold.Method) string { return strings.ReplaceAll(string(m), "_", "-") }

// methodWords are the methods that need no account.
func methodWords() string {
	var names []string
	for _, m := range verify.Placed() {
		names = append(names, word(m.Name()))
	}
	return strings.Join(names, ", ")
}

// allMethodWords are the methods of a server.
func allMethodWords() string {
	var names []string
	for _, m := range zonehold.Methods() {
		names = append(names, word(m))
	}
	return strings.Join(names, ", ")
}

func parseMethod(s, words string) (verify.Method, error) {
	m, ok := verify.Lookup(zonehold.Method(strings.ReplaceAll(s, "-", "_")))
	if !ok {
		return nil, usageError(fmt.Sprintf("unknown method %q", problem.Clean(s, 40)), "one of: "+words)
	}
	return m, nil
}

func (c *cli) verify(cmd *cobra.Command, domain string, o verifyOptions) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	var method verify.Method
	if o.method != "" {
		if method, err = parseMethod(o.method, methodWords()); err != nil {
			return err
		}
	}
	kit, err := newKit(cfg)
	if err != nil {
		return err
	}
	if source := []bool{cmd.Flags().Changed("token"), cmd.Flags().Changed("token-file"), o.renew}; count(source) > 1 {
		return usageError("--token, --token-file and --renew exclude each other")
	}
	o.given = cmd.Flags().Changed("token") || cmd.Flags().Changed("token-file")
	claim, fresh, err := c.claim(domain, o)
	if err != nil {
		return err
	}
	challenges := challengesOf(kit, claim, method)
	if o.show {
		return c.printCard(claim, challenges)
	}
	if method != nil && !challenges[0].Applicable {
		refusal := &exitError{code: exitNo, name: "method_not_applicable",
			message: fmt.Sprintf("%s cannot prove %s: %s", word(method.Name()), claim.Hostname, challenges[0].Reason)}
		if needsAccount(method.Name()) {
			refusal.hints = []string{
				"this method proves a domain for an account, which only a server has",
				fmt.Sprintf("there: zonehold domain check %s --method %s", claim.Hostname, word(method.Name())),
			}
		}
		return refusal
	}
	ctx, cancel := c.deadline(cmd.Context(), 60*time.Second)
	defer cancel()
	var report diagnose.Report
	if method != nil {
		report = diagnose.Run(ctx, kit, method, claim)
	} else {
		report = diagnose.RunAll(ctx, kit, claim)
	}
	if err := cmd.Context().Err(); err != nil {
		return err
	}
	if report.Outcome == zonehold.OutcomeInconclusive && c.spent(ctx) {
		return timeUp()
	}
	if err := c.printReport(claim, report, challenges, fresh); err != nil {
		return err
	}
	return verdict(report.Outcome, report.Problem)
}

// needsAccount reports whether a method rests on what a service knows of an
// account.
func needsAccount(m zonehold.Method) bool {
	return m == zonehold.MethodWHOIS || m.Automatic()
}

func count(flags []bool) (n int) {
	for _, f := range flags {
		if f {
			n++
		}
	}
	return n
}

// verdict turns an outcome into the exit code.
func verdict(outcome zonehold.Outcome, p *problem.Problem) error {
	switch {
	case outcome == zonehold.OutcomeVerified:
		return nil
	case p != nil && p.WhoActs == problem.Us:
		return answered(exitPartial, string(p.Code))
	case p != nil:
		return answered(exitNo, string(p.Code))
	}
	return answered(exitNo, "not_verified")
}

func challengesOf(kit *verify.Kit, claim verify.Claim, only verify.Method) []zonehold.Challenge {
	if only != nil {
		return []zonehold.Challenge{only.Challenge(kit, claim)}
	}
	var out []zonehold.Challenge
	for _, m := range verify.Placed() {
		out = append(out, m.Challenge(kit, claim))
	}
	return out
}

// claim puts together what is to be proved; fresh says that its codes were
// made just now.
func (c *cli) claim(domain string, o verifyOptions) (claim verify.Claim, fresh bool, err error) {
	host, err := parseName(domain)
	if err == nil {
		if refused := host.CheckClaim(); refused != nil {
			err = refusedName(refused)
		}
	}
	if err != nil {
		return claim, false, err
	}
	profile := zonehold.ProfileName(o.profile)
	if !profile.Valid() {
		return claim, false, usageError(fmt.Sprintf("unknown profile %q", problem.Clean(o.profile, 40)), "one of: zonehold, yandex, probely")
	}
	if o.scheme != "" && o.scheme != "http" && o.scheme != "https" {
		return claim, false, usageError(fmt.Sprintf("unknown scheme %q", problem.Clean(o.scheme, 40)), "http or https")
	}
	claim = verify.Claim{Hostname: host, Scheme: o.scheme, Port: o.port, Profile: profile}
	for _, v := range o.old {
		if !wellFormed(v) {
			return claim, false, notACode("the old code is not one")
		}
		claim.Old = append(claim.Old, verify.OldToken{Value: v})
	}
	if o.given {
		token, err := c.givenToken(o)
		if err != nil {
			return claim, false, err
		}
		if !wellFormed(token) {
			return claim, false, notACode("the code is not one")
		}
		if len(token) < 16 {
			c.warn("a code this short can be guessed, so it proves little")
		}
		claim.Tokens = zonehold.Tokens{TXT: token, CNAME: token, File: token, Meta: token}
	} else {
		memory, err := openTokenMemory(c.env)
		if err != nil {
			return claim, false, err
		}
		tokens, old, made, err := memory.tokens(profile, host, o.renew)
		if err != nil {
			return claim, false, err
		}
		claim.Tokens, claim.Old, fresh = tokens, append(claim.Old, old...), made
	}
	return claim, fresh, nil
}

func parseName(s string) (zonehold.Hostname, error) {
	host, err := zonehold.ParseHostname(s)
	if err != nil {
		return "", refusedName(err)
	}
	return host, nil
}

func refusedName(err error) error {
	e := &exitError{code: exitUsage, name: zonehold.CodeHostnameInvalid, message: err.Error()}
	var he *zonehold.HostnameError
	if errors.As(err, &he) {
		e.name = he.Code
	}
	return e
}

func (c *cli) givenToken(o verifyOptions) (string, error) {
	var in io.Reader
	switch {
	case o.tokenFile != "":
		f, err := openSmall(o.tokenFile)
		if err != nil {
			return "", err
		}
		defer f.Close()
		in = f
	case o.token == "-":
		in = c.stdin
	default:
		return strings.TrimSpace(o.token), nil
	}
	data, err := io.ReadAll(io.LimitReader(in, 4096))
	if err != nil {
		return "", fmt.Errorf("reading the code: %w", err)
	}
	return strings.TrimSpace(string(data)), nil
}

// wellFormed admits any code that fits into a DNS label and a file name: it
// may come from another program that issues its own.
func wellFormed(codes ...string) bool {
	for _, code := range codes {
		if code == "" || len(code) > zonehold.MaxLabel ||
			strings.Trim(code, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != "" {
			return false
		}
	}
	return true
}

func notACode(message string) error {
	return usageError(message, "a code has 1 to 63 letters, digits, hyphens and underscores; give it alone, without token= or quotes")
}

// verifyJSON is the document of `zonehold verify --json`.
type verifyJSON struct {
	Hostname   string          `json:"hostname"`
	Profile    string          `json:"profile"`
	Method     *string         `json:"method"`
	Verified   bool            `json:"verified"`
	Outcome    string          `json:"outcome"`
	Problem    *api.Problem    `json:"problem"`
	Notes      []api.Problem   `json:"notes"`
	Steps      []api.Step      `json:"steps"`
	Challenges []api.Challenge `json:"challenges"`
	StartedAt  *time.Time      `json:"started_at"`
	DurationMS int64           `json:"duration_ms"`
}

func (c *cli) printReport(claim verify.Claim, r diagnose.Report, challenges []zonehold.Challenge, fresh bool) error {
	if c.json || c.jsonl {
		started := r.StartedAt.UTC()
		doc := verifyJSON{
			Hostname: string(claim.Hostname), Profile: string(claim.Profile),
			Verified: r.Outcome == zonehold.OutcomeVerified, Outcome: string(r.Outcome), Problem: httpapi.Problem(r.Problem),
			Notes: httpapi.Problems(r.Notes), Steps: httpapi.Steps(r.Steps), Challenges: httpapi.Challenges(challenges),
			StartedAt: &started, DurationMS: r.Duration.Milliseconds(),
		}
		if r.Method != "" {
			m := string(r.Method)
			doc.Method = &m
		}
		return c.printJSON(doc)
	}
	host := c.paint(bold, displayName(claim.Hostname))
	if r.Outcome == zonehold.OutcomeVerified {
		fmt.Fprintf(c.stdout, "%s %s is verified by %s  %s\n", c.paint(green, "✔"), host, word(r.Method), c.paint(dim, duration(r.Duration)))
		c.printNotes(c.stdout, r.Notes)
		c.printStepsIfAsked(r.Steps)
		return nil
	}
	title, code := "the check gave no reason", ""
	if r.Problem != nil {
		title, code = r.Problem.Title, string(r.Problem.Code)
	}
	fmt.Fprintf(c.stdout, "%s %s is not verified: %s\n", c.paint(red, "✘"), host, c.paint(bold, title))
	fmt.Fprintf(c.stdout, "  %s\n", c.paint(dim, strings.TrimSpace(code+" · "+string(r.Outcome)+" · "+word(r.Method)+" · "+duration(r.Duration))))
	if r.Problem != nil {
		c.printProblem(c.stdout, r.Problem)
	}
	c.printNotes(c.stdout, r.Notes)
	c.printStepsIfAsked(r.Steps)
	if fresh && !c.quiet {
		fmt.Fprintf(c.stderr, "\nA new code was made for this name. Place one of these, then run the same command again:\n")
		c.printChallenges(c.stderr, challenges)
	}
	return nil
}

func (c *cli) printStepsIfAsked(steps []zonehold.Step) {
	if c.verbose && !c.json && !c.jsonl { // the document has the steps
		c.printSteps(c.stderr, steps)
	}
}

func (c *cli) printCard(claim verify.Claim, challenges []zonehold.Challenge) error {
	if c.json || c.jsonl {
		return c.printJSON(map[string]any{"hostname": claim.Hostname, "profile": claim.Profile, "challenges": httpapi.Challenges(challenges)})
	}
	fmt.Fprintf(c.stdout, "Any one of these proves %s:\n", c.paint(bold, displayName(claim.Hostname)))
	c.printChallenges(c.stdout, challenges)
	return nil
}

// displayName shows both forms of an internationalised name.
func displayName(h zonehold.Hostname) string {
	if u := h.Unicode(); u != string(h) {
		return fmt.Sprintf("%s (%s)", u, h)
	}
	return string(h)
}
