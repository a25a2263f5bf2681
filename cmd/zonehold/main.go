// Command zonehold proves who controls a domain, says exactly why a proof
// fails, and serves both over HTTP.
package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"
)

func main() {
	os.Exit(Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// Main runs one command line and returns its exit code. The first interrupt
// cancels the command, a second one kills the process.
func Main(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	asked, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(asked, stop)
	// A reader that went away is told by the write that fails.
	signal.Ignore(syscall.SIGPIPE)
	ctx, cancel := context.WithCancel(asked)
	defer cancel()

	c := &cli{stdin: stdin, env: os.Getenv, terminal: terminal(stdout)}
	out := &sink{cli: c, w: stdout, broken: cancel}
	c.stdout, c.stderr = out, &sink{cli: c, w: stderr}
	root := c.rootCommand()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(c.stdout)
	root.SetErr(c.stderr)
	err := root.ExecuteContext(ctx)

	if werr := out.failure(); werr != nil {
		if !isClosedPipe(werr) {
			return c.report(&exitError{code: exitError_, name: "output_failed", message: "writing the answer: " + werr.Error()})
		}
		// The reader has seen enough. An answer that was given still counts.
		if said := (*exitError)(nil); errors.As(err, &said) && said.quiet {
			return said.code
		}
		return exitOK
	}
	if err == nil {
		return exitOK
	}
	if asked.Err() != nil {
		err = &exitError{code: exitInterrupted, name: "interrupted", message: "interrupted"}
	}
	if c.usageErr && !c.json && !c.jsonl {
		// The flag may stand behind the one that ended the reading.
		c.json = slices.Contains(args, "--json") || slices.Contains(args, "--jsonl")
	}
	return c.report(err)
}
