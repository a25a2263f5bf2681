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

func (c *cli) providerCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "provider",
		Short: "Accounts at DNS providers, which prove the zones they hold",
		Long: `Accounts at DNS providers. A domain whose zone is in a connected account is
proved by the method aws_route53 or cloudflare, if the zone there is the one
that the domain is delegated to.`,
	}
	cmd.AddCommand(c.providerConnect(), c.providerList(), c.providerTest(), c.providerRemove())
	c.settingFlagsOf(cmd, "server")
	return cmd
}

func (c *cli) providerConnect() *cobra.Command {
	var in api.CreateConnection
	var file string
	cmd := &cobra.Command{
		Use:   "connect aws_route53|cloudflare --credentials-file FILE",
		Short: "Connect an account; its credentials are tried first",
		Long: `Connect an account. Its credentials are tried first, then kept encrypted by the
server and never shown again. They come from a file, or from standard input with
"-"; never from the command line, which others on this machine can read.

Give them the least privilege that is enough.

aws_route53: the access key of an IAM user with this policy and no other:

  {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Resource": "*",
    "Action": ["route53:ListHostedZones", "route53:GetHostedZone"]}]}

cloudflare: an API token (not the global key) with the one permission
Zone > Zone > Read, for the zones in question.

The file is JSON, lines of key=value, or the ini form of ~/.aws/credentials:

  aws_route53  access_key_id, secret_access_key, and session_token if there is one
  cloudflare   api_token, or the token alone

Exit code 0: connected. 3: the provider does not accept the credentials. 5: it
could not be asked.`,
		Example: `  zonehold provider connect aws_route53 --name production --credentials-file key.ini
  pass show cloudflare-token | zonehold provider connect cloudflare --credentials-file -`,
		Args:      exactly("PROVIDER"),
		ValidArgs: []string{string(zonehold.MethodAWSRoute53), string(zonehold.MethodCloudflare)},
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if in.Provider, err = providerName(args[0]); err != nil {
				return err
			}
			if in.Credentials, err = c.credentials(in.Provider, file); err != nil {
				return err
			}
			return c.api(cmd, time.Minute, func(ctx context.Context, cl *client.Client) error {
				con, err := cl.Connect(ctx, in)
				if err != nil {
					return err
				}
				switch {
				case c.json || c.jsonl:
					return c.printJSON(con)
				case c.quiet:
					_, err = fmt.Fprintln(c.stdout, con.ID)
				default:
					_, err = fmt.Fprintf(c.stdout, "%s %s is connected as %s%s  %s\n", c.paint(green, "✔"), con.Provider,
						c.paint(bold, clean(con.Name)), hint(*con), c.paint(dim, con.ID))
				}
				return err
			})
		},
	}
	cmd.Flags().StringVar(&in.Name, "name", "", "what you call it; default: the provider's name")
	cmd.Flags().StringVar(&file, "credentials-file", "", "file with the credentials; - is standard input")
	return cmd
}

func hint(con api.Connection) string {
	if con.Hint == nil {
		return ""
	}
	return " (" + clean(*con.Hint) + ")"
}

func providerName(s string) (string, error) {
	name := strings.ReplaceAll(strings.ToLower(s), "-", "_")
	if name == string(zonehold.MethodAWSRoute53) || name == string(zonehold.MethodCloudflare) {
		return name, nil
	}
	return "", usageError(fmt.Sprintf("unknown provider %q", clean(s)), "one of: aws_route53, cloudflare")
}

func (c *cli) providerList() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the connected accounts, one per line; never their credentials",
		Args:  exactly(),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.api(cmd, time.Minute, func(ctx context.Context, cl *client.Client) error {
				all, err := cl.Connections(ctx)
				if err != nil {
					return err
				}
				return rows(c, sequence(all), func(con api.Connection) string {
					state := "works"
					if !con.Works {
						state = "does not work: " + clean(deref(con.TestError))
					}
					return fmt.Sprintf("%s\t%s\t%s%s\t%s", con.ID, con.Provider, clean(con.Name), hint(con), state)
				})
			})
		},
	}
}

func (c *cli) providerTest() *cobra.Command {
	return &cobra.Command{
		Use:   "test ID|NAME",
		Short: "Try the stored credentials now",
		Long:  "Try the stored credentials now. Exit code 0: they work, 3: they do not.",
		Args:  exactly("ID|NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.api(cmd, time.Minute, func(ctx context.Context, cl *client.Client) error {
				id, err := findConnection(ctx, cl, args[0])
				if err != nil {
					return err
				}
				con, err := cl.TestConnection(ctx, id)
				if err != nil {
					return seeList(err, "zonehold provider list")
				}
				switch {
				case c.json || c.jsonl:
					err = c.printJSON(con)
				case con.Works:
					_, err = fmt.Fprintf(c.stdout, "%s %s works\n", c.paint(green, "✔"), c.paint(bold, clean(con.Name)))
				default:
					_, err = fmt.Fprintf(c.stdout, "%s %s does not work: %s\n", c.paint(red, "✘"), c.paint(bold, clean(con.Name)), clean(deref(con.TestError)))
				}
				if err == nil && !con.Works {
					err = answered(exitNo, "connection_does_not_work")
				}
				return err
			})
		},
	}
}

func (c *cli) providerRemove() *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:   "remove ID|NAME",
		Short: "Forget an account and its credentials",
		Long:  "Forget an account and its credentials. While proofs rest on it, this is refused\nwith exit code 14; with --force they lapse.",
		Args:  exactly("ID|NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.api(cmd, time.Minute, func(ctx context.Context, cl *client.Client) error {
				id, err := findConnection(ctx, cl, args[0])
				if err == nil {
					err = cl.Disconnect(ctx, id, force)
				}
				if err != nil {
					return withForce(seeList(err, "zonehold provider list"))
				}
				return c.printRemoved(args[0])
			})
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "even if proofs rest on it; they lapse")
	return cmd
}

func (c *cli) printRemoved(name string) error {
	switch {
	case c.json || c.jsonl:
		return c.printJSON(map[string]string{"removed": name})
	case c.quiet:
		return nil
	}
	_, err := fmt.Fprintf(c.stdout, "%s removed\n", clean(name))
	return err
}

// findConnection finds a connection by id or by name, which need not be
// unique.
func findConnection(ctx context.Context, cl *client.Client, ref string) (string, error) {
	if zonehold.ValidID(zonehold.PrefixConnection, ref) {
		return ref, nil
	}
	all, err := cl.Connections(ctx)
	if err != nil {
		return "", err
	}
	var found []string
	for _, con := range all {
		if con.Name == ref {
			found = append(found, con.ID)
		}
	}
	switch len(found) {
	case 0:
		return "", &exitError{code: exitNotFound, name: "not_found", message: fmt.Sprintf("there is no connected account %q", clean(ref)),
			hints: []string{"those there are: zonehold provider list"}}
	case 1:
		return found[0], nil
	}
	return "", usageError(fmt.Sprintf("%d connected accounts are called %q", len(found), clean(ref)), "give the id of one: "+strings.Join(found, ", "))
}
