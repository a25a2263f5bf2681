package main

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/zonehold/zonehold/internal/config"
	"github.com/zonehold/zonehold/internal/notify"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/perspective"
	"github.com/zonehold/zonehold/probe"
)

const (
	fewFiles    = 4096      // open files
	littleRoom  = 1 << 30   // bytes
	hardlyRoom  = 100 << 20 // bytes
	certificate = 30 * 24 * time.Hour
)

func (d *doctor) machine() {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		d.skip("open files", err.Error())
	} else if limit.Cur < fewFiles {
		d.warn("open files", "raise the limit: ulimit -n 65536, or LimitNOFILE= in the unit", "only %d may be open; each check and each caller takes one or more", limit.Cur)
	} else {
		d.ok("open files", "%d may be open", limit.Cur)
	}
}

// fresh reports whether the data folder holds no database.
func (d *doctor) fresh() bool {
	_, err := os.Lstat(filepath.Join(d.cfg.DataDir, "zonehold.db"))
	return errors.Is(err, fs.ErrNotExist)
}

func (d *doctor) folder() {
	if d.cfg.DatabaseURL != "" && d.cfg.SecretKey != nil {
		return // nothing is kept there
	}
	dir := d.cfg.DataDir
	st, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		d.ok("data folder", "%s is not there yet; the first start makes it", dir)
		return
	case err != nil:
		d.fail("data folder", "let the user of the server read it", "%v", err)
		return
	case !st.IsDir():
		d.fail("data folder", "set data_dir to a folder", "%s is not a folder", dir)
		return
	}
	if _, err := os.Lstat(filepath.Join(dir, "restore.unfinished")); err == nil {
		d.fail("data folder", "run the restore again, with --force", "a restore into %s was not finished", dir)
	}
	sys, _ := st.Sys().(*syscall.Stat_t)
	switch {
	case sys != nil && os.Geteuid() != 0 && int(sys.Uid) != os.Geteuid():
		d.fail("data folder", "chown it to the user of the server, or run this as that user", "%s belongs to user %d, this is user %d", dir, sys.Uid, os.Geteuid())
	case st.Mode().Perm()&0o077 != 0:
		d.warn("data folder", "chmod 700 "+dir, "%s can be read by others (mode %o)", dir, st.Mode().Perm())
	default:
		d.ok("data folder", "%s belongs to the server alone", dir)
	}
	d.keyFile(filepath.Join(dir, "secret.key"))
	disk, err := store.DiskOf(dir)
	switch {
	case err != nil:
		d.fail("disk", "see that the disk is there", "%v", err)
	case disk.Free < hardlyRoom:
		d.fail("disk", "make room, or keep less: evidence_kept, attempts_kept", "%s are left", bytesOf(disk.Free))
	case disk.Free < littleRoom:
		d.warn("disk", "make room, or keep less: evidence_kept, attempts_kept", "%s are left", bytesOf(disk.Free))
	default:
		d.ok("disk", "%s of %s are left", bytesOf(disk.Free), bytesOf(disk.Total))
	}
	if disk.WAL > largeLog {
		d.warn("log of SQLite", "look for a program that reads the database for long; a restart of the server makes it small", "zonehold.db-wal has %s", bytesOf(uint64(disk.WAL)))
	}
}

// keyFile looks who can read the key that opens everything else.
func (d *doctor) keyFile(name string) {
	if d.cfg.SecretKey != nil {
		return // it is not used
	}
	st, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		d.fail("secret key", "let the user of the server read it", "%v", err)
	case st.Mode().Perm() != 0o600 && st.Mode().Perm() != 0o400:
		d.warn("secret key", "chmod 600 "+name, "%s has the mode %o; nobody but the server should be able to read it", name, st.Mode().Perm())
	}
}

// listener looks who has the port.
func (d *doctor) listener(ctx context.Context) {
	if !d.cfg.Has(config.RoleAPI) {
		d.skip("listener", "this process does not serve the API")
		return
	}
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", d.cfg.Listen)
	if err == nil {
		_ = ln.Close()
		d.ok("listener", "%s is free: no server runs there", d.cfg.Listen)
		return
	}
	if !errors.Is(err, syscall.EADDRINUSE) {
		d.fail("listener", "choose another address with listen", "%v", err)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	switch state, err := readiness(ctx, "http://"+reachable(d.cfg.Listen)); {
	case err != nil:
		d.fail("listener", "another program has the port: stop it, or choose another one with listen", "%s is in use by something that is no zonehold: %v", d.cfg.Listen, err)
	case !state.Ready:
		d.fail("listener", "see the findings below, and the log of the server", "the server on %s is not ready: %v", d.cfg.Listen, state.failing())
	case len(state.failing()) > 0:
		d.warn("listener", "see the findings below, and the log of the server", "the server on %s is ready, but: %v", d.cfg.Listen, state.failing())
	default:
		d.ok("listener", "a server on %s is ready", d.cfg.Listen)
	}
}

// reachable makes an address to listen on one to call.
func reachable(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return listen
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

// outside looks at what the checks and the mails use.
func (d *doctor) outside(ctx context.Context) {
	out, err := newOutside(d.cfg)
	if err != nil {
		d.fail("resolver", "mend the setting", "%v", err)
		return
	}
	if d.offline {
		d.skip("resolver", "--offline")
	} else {
		ask, cancel := context.WithTimeout(ctx, 15*time.Second)
		err := resolves(out.kit.DNS)(ask)
		cancel()
		if err != nil {
			d.fail("resolver", "let UDP and TCP port 53 out to every address, or set dns_forward in a closed network", "%v", err)
		} else {
			d.ok("resolver", "name servers answer")
		}
	}
	d.relay(ctx)
	d.perspectives()
}

func (d *doctor) relay(ctx context.Context) {
	switch {
	case d.cfg.SMTPURL == "":
		d.skip("mail", "smtp_url is not set: no mail is sent")
		return
	case !d.mail:
		d.skip("mail", "give --mail to greet the relay")
		return
	}
	relay, err := notify.ParseRelay(d.cfg.SMTPURL)
	if err != nil {
		d.fail("mail", "mend smtp_url", "%v", err)
		return
	}
	m, err := notify.NewMail(relay, d.cfg.MailFrom, probe.NewConfigured(relay.Endpoint()).DialContext)
	if err == nil {
		err = m.Hello(ctx)
	}
	if err != nil {
		d.fail("mail", "see that the relay is there, its certificate is good, and user and password are right", "%v", err)
		return
	}
	d.ok("mail", "%s takes mail from us", relay.Endpoint())
}

// perspectives looks at the certificates that we show to them.
func (d *doctor) perspectives() {
	if d.cfg.Perspectives == "" {
		return
	}
	file, err := config.ReadPerspectives(d.cfg.Perspectives)
	if err != nil {
		d.fail("perspectives", "mend the file "+d.cfg.Perspectives, "%v", err)
		return
	}
	p, err := newPerspectives(d.cfg)
	if err != nil {
		d.fail("perspectives", "mend the file "+d.cfg.Perspectives, "%v", err)
		return
	}
	now := time.Now()
	if err := p.Policy.Feasible(now, p.Panel.Regions()); err != nil {
		d.fail("perspectives", "add some; docs/perspectives.md", "nothing can be proved: %v", err)
	} else if from, n, soon := tooFewSoon(p, now); soon {
		d.warn("perspectives", "add some before; docs/perspectives.md", "nothing can be proved from %s on: the policy br demands %d then, and %d are configured", from.Format(time.DateOnly), n, p.Panel.Len())
	}
	for _, e := range file.Entries {
		ends, err := expiryOf(e.Cert)
		switch left := time.Until(ends); {
		case err != nil:
			d.fail("perspectives", "put a certificate there", "%s: %v", e.Name, err)
		case left <= 0:
			d.fail("perspectives", "make a new one; docs/perspectives.md", "%s: our certificate %s has expired on %s", e.Name, e.Cert, ends.Format(time.DateOnly))
		case left < certificate:
			d.warn("perspectives", "make a new one; docs/perspectives.md", "%s: our certificate %s expires on %s", e.Name, e.Cert, ends.Format(time.DateOnly))
		default:
			d.ok("perspectives", "%s: our certificate is good until %s", e.Name, ends.Format(time.DateOnly))
		}
	}
}

// policies looks whether what accounts demand of perspectives can be kept.
func (d *doctor) policies(ctx context.Context, s *store.Store) {
	accounts, err := s.PerspectivePolicies(ctx)
	if err != nil {
		d.fail("perspectives", "look into the log of the database", "%v", err)
		return
	}
	p, err := newPerspectives(d.cfg)
	if err != nil {
		return // another finding
	}
	for _, name := range slices.Sorted(maps.Keys(accounts)) {
		policy := perspective.Policy{Mode: perspective.Mode(accounts[name])}
		if err := policy.Feasible(time.Now(), p.Panel.Regions()); err != nil {
			d.fail("perspectives", "add some, or: zonehold perspective policy "+clean(name)+" default", "nothing can be proved for the account %s: %v", clean(name), err)
		}
	}
}

// expiryOf is the earliest end of the certificates in a PEM file.
func expiryOf(path string) (ends time.Time, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return ends, err
	}
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return ends, err
		}
		if ends.IsZero() || c.NotAfter.Before(ends) {
			ends = c.NotAfter
		}
	}
	if ends.IsZero() {
		return ends, errors.New("it holds no certificate")
	}
	return ends, nil
}
