package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/zonehold/zonehold/internal/notify"
)

// maxVerified bounds the body that is read, in bytes; ours have 20 000.
const maxVerified = 1 << 20

func (c *cli) webhookVerify() *cobra.Command {
	var secret, secretFile, id, timestamp, signature string
	var old bool
	cmd := &cobra.Command{
		Use:   "verify --secret-file FILE --id ID --timestamp SECONDS --signature TEXT < BODY",
		Short: "Check the signature of a request that was received; asks nobody",
		Long: `Check the signature of a request that was received, with its body as it came, byte
by byte, on standard input. Nobody is asked. Exit code 0: it is ours, 3: it is not.`,
		Example: `  zonehold webhook verify --secret-file secret.txt --id evt_06c4b1q2v8h3k5n7p9r1s3t5u0 \
    --timestamp 1795348800 --signature 'v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=' < body.json`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case (secret == "") == (secretFile == ""):
				return usageError("give the secret once", "--secret-file FILE, or --secret, which others on this machine can read")
			case id == "" || timestamp == "" || signature == "":
				return usageError("--id, --timestamp and --signature are missing", "they are the headers webhook-id, webhook-timestamp and webhook-signature")
			}
			if secretFile != "" {
				text, err := os.ReadFile(secretFile)
				if err != nil {
					return &exitError{code: exitUsage, name: "file_unreadable", message: err.Error()}
				}
				secret = strings.TrimSpace(string(text))
			}
			body, err := io.ReadAll(io.LimitReader(c.stdin, maxVerified+1))
			if err != nil {
				return fmt.Errorf("reading the body: %w", err)
			}
			if len(body) > maxVerified {
				return usageError("the body is longer than any that is sent")
			}
			now := time.Now()
			if old {
				now = time.Time{}
			}
			err = notify.Verify(secret, id, timestamp, signature, body, now)
			no := errors.Is(err, notify.ErrSignature) || errors.Is(err, notify.ErrTimestamp)
			switch {
			case err != nil && !no:
				return usageError(err.Error())
			case c.json || c.jsonl:
				reason := any(nil)
				if no {
					reason = err.Error()
				}
				if err := c.printJSON(map[string]any{"valid": !no, "reason": reason}); err != nil {
					return err
				}
			case no:
				if _, err := fmt.Fprintf(c.stdout, "%s not valid: %s\n", c.paint(red, "✘"), err); err != nil {
					return err
				}
			case !c.quiet:
				if _, err := fmt.Fprintf(c.stdout, "%s valid\n", c.paint(green, "✔")); err != nil {
					return err
				}
			}
			if no {
				return answered(exitNo, "signature_invalid")
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&secret, "secret", "", "the secret, whsec_…; others on this machine can read it here")
	f.StringVar(&secretFile, "secret-file", "", "file that holds the secret")
	f.StringVar(&id, "id", "", "header webhook-id")
	f.StringVar(&timestamp, "timestamp", "", "header webhook-timestamp")
	f.StringVar(&signature, "signature", "", "header webhook-signature")
	f.BoolVar(&old, "any-time", false, "also if it was signed more than five minutes ago")
	return cmd
}
