package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/zonehold/zonehold/perspective"
)

func (c *cli) perspectiveKeys() *cobra.Command {
	var client string
	cmd := &cobra.Command{
		Use:   "keys DIR NAME=HOST:PORT,REGION ...",
		Short: "Make the certificates of perspectives and of the server that asks them",
		Long: `Make a small authority in DIR, a certificate for the server that asks, and for
each perspective a folder to be copied to its machine. DIR/perspectives.yaml is
the file for the setting "perspectives". Nothing that is there is overwritten;
with the authority of an earlier run further perspectives are added, and their
entries printed.

The regions are AFRINIC, APNIC, ARIN, LACNIC and RIPE. Keep DIR/ca.key to
yourself: who has it can ask, and answer.`,
		Example: "  zonehold perspective keys pki ams=ams.example.net:8443,RIPE nyc=203.0.113.7:8443,ARIN",
		Args: func(cmd *cobra.Command, args []string) error {
			switch len(args) {
			case 0:
				return usageError("DIR is missing", "usage: "+cmd.UseLine())
			case 1:
				return usageError("NAME=HOST:PORT,REGION is missing", "usage: "+cmd.UseLine())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			var places []place
			for _, arg := range args[1:] {
				p, err := parsePlace(arg)
				if err != nil {
					return err
				}
				places = append(places, p)
			}
			return c.makeKeys(args[0], client, places)
		},
	}
	cmd.Flags().StringVar(&client, "client-name", "zonehold-main", "name in the certificate of the server that asks")
	return cmd
}

// place is where a perspective will be.
type place struct{ name, host, port, region string }

func parsePlace(arg string) (place, error) {
	wrong := func(what string) (place, error) {
		return place{}, usageError(fmt.Sprintf("%q: %s", clean(arg), what), "the form is NAME=HOST:PORT,REGION, such as ams=ams.example.net:8443,RIPE")
	}
	name, rest, ok := strings.Cut(arg, "=")
	if !ok || !perspective.ValidName(name) {
		return wrong("a name is made of up to 63 letters, digits, _ and -")
	}
	addr, region, ok := strings.Cut(rest, ",")
	if !ok {
		return wrong("the region is missing")
	}
	region, err := perspective.ParseRegion(region)
	if err != nil {
		return wrong("the region " + err.Error())
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil || host == "" || port == "" || strings.ContainsAny(host, "/\"'\\ \t\r\n") || strings.Trim(port, "0123456789") != "" {
		return wrong("the place is HOST:PORT")
	}
	return place{name, host, port, region}, nil
}

func (p place) entry() string {
	return fmt.Sprintf("  - name: %s\n    region: %s\n    network: \"\"   # what people know it by, such as its transit or city\n    url: https://%s\n",
		p.name, p.region, net.JoinHostPort(p.host, p.port))
}

func (c *cli) makeKeys(dir, client string, places []place) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return usageError(err.Error())
	}
	now := time.Now()
	authority, err := c.authorityIn(dir, client, now)
	if err != nil {
		return err
	}
	entries := ""
	for _, p := range places {
		pair, err := authority.Server(now, p.name, []string{p.host})
		if err != nil {
			return usageError(err.Error())
		}
		folder := filepath.Join(dir, p.name)
		if err := os.Mkdir(folder, 0o700); err != nil {
			return keysThere(err)
		}
		if err := writeNew(map[string][]byte{
			filepath.Join(folder, "perspective.pem"): pair.Cert, filepath.Join(folder, "perspective.key"): pair.Key, filepath.Join(folder, "clients.pem"): authority.Cert,
		}); err != nil {
			return err
		}
		entries += p.entry()
	}
	file := filepath.Join(dir, "perspectives.yaml")
	head := "# observe shows answers and lets them decide nothing. Then: br, or\n# {minimum: 3, allowed_failures: 1, regions: 2}\npolicy: observe\nca: ca.pem\ncert: main.pem\nkey: main.key\nperspectives:\n"
	err = writeNew(map[string][]byte{file: []byte(head + entries)})
	added := errors.Is(err, os.ErrExist)
	if err != nil && !added {
		return err
	}
	if c.json || c.jsonl {
		return c.printJSON(map[string]any{"file": file, "added": len(places), "file_written": !added})
	}
	if added {
		fmt.Fprint(c.stdout, entries)
		if !c.quiet {
			fmt.Fprintf(c.stderr, "%s is there already; add the entries above to it.\n", file)
		}
		return nil
	}
	if c.quiet {
		return nil
	}
	p := places[0]
	_, err = fmt.Fprintf(c.stdout, `Copy each folder to its machine and start there, for example for %[1]s:
  zonehold perspective --name %[1]s --listen :%[2]s --cert perspective.pem --key perspective.key --client-ca clients.pem
Then start the server with:
  zonehold serve --perspectives %[3]s
`, p.name, p.port, file)
	return err
}

// authorityIn opens the authority of an earlier run, or makes one with the
// certificate of the server that asks.
func (c *cli) authorityIn(dir, client string, now time.Time) (*perspective.Authority, error) {
	certFile, keyFile := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "ca.key")
	cert, certErr := os.ReadFile(certFile)
	key, keyErr := os.ReadFile(keyFile)
	if certErr == nil || keyErr == nil {
		if err := errors.Join(certErr, keyErr); err != nil {
			return nil, usageError(err.Error(), "the authority is the two files ca.pem and ca.key; give an empty folder for a new one")
		}
		a, err := perspective.OpenAuthority(perspective.KeyPair{Cert: cert, Key: key})
		if err != nil {
			return nil, usageError(err.Error(), "give an empty folder for a new authority")
		}
		return a, nil
	}
	a, err := perspective.NewAuthority(now)
	if err != nil {
		return nil, err
	}
	pair, err := a.Client(now, client)
	if err != nil {
		return nil, usageError("--client-name: " + err.Error())
	}
	return a, keysThere(writeNew(map[string][]byte{
		certFile: a.Cert, keyFile: a.Key, filepath.Join(dir, "main.pem"): pair.Cert, filepath.Join(dir, "main.key"): pair.Key,
	}))
}

func keysThere(err error) error {
	if errors.Is(err, os.ErrExist) {
		return &exitError{code: exitConflict, name: "already_exists", message: err.Error(), hints: []string{"nothing is overwritten; choose another name or folder"}}
	}
	return err
}

// writeNew writes files that only their owner may read, and overwrites none.
func writeNew(files map[string][]byte) error {
	for path, data := range files {
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		_, err = f.Write(data)
		if err = errors.Join(err, f.Close()); err != nil {
			return fmt.Errorf("writing %s: %w", path, err)
		}
	}
	return nil
}
