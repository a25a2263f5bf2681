package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/verify"
)

// tokenMemory keeps the codes that `zonehold verify` made, so that the next
// run looks for the same ones and recognises the ones before.
type tokenMemory struct {
	path    string
	Entries map[string]*rememberedTokens `json:"tokens"` // by profile, then "/", then hostname
}

type rememberedTokens struct {
	Current   zonehold.Tokens `json:"current"`
	CreatedAt time.Time       `json:"created_at"`
	Old       []oldTokens     `json:"old,omitempty"`
}

type oldTokens struct {
	Values    []string  `json:"values"`
	RetiredAt time.Time `json:"retired_at"`
}

const (
	maxOldTokens = 10       // remembered of one name
	maxMemory    = 32 << 20 // bytes of the file
)

// openTokenMemory reads $XDG_STATE_HOME/zonehold/tokens.json.
func openTokenMemory(env func(string) string) (*tokenMemory, error) {
	dir := env("XDG_STATE_HOME")
	if dir == "" {
		home := env("HOME")
		if home == "" {
			return nil, memoryError(errors.New("neither HOME nor XDG_STATE_HOME is set"))
		}
		dir = filepath.Join(home, ".local", "state")
	}
	m := &tokenMemory{path: filepath.Join(dir, "zonehold", "tokens.json")}
	return m, m.read()
}

func memoryError(err error) error {
	return &exitError{code: exitError_, name: "codes_not_remembered", message: "remembering codes: " + err.Error(),
		hints: []string{"give a code of your own with --token", "or another folder with XDG_STATE_HOME"}}
}

func (m *tokenMemory) read() error {
	m.Entries = map[string]*rememberedTokens{}
	info, err := os.Stat(m.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return memoryError(err)
	}
	damaged := func(why string) error {
		return &exitError{code: exitError_, name: "codes_damaged", message: fmt.Sprintf("the remembered codes in %s are damaged: %s", m.path, why),
			hints: []string{"repair the file, or move it away; then new codes are made"}}
	}
	if info.Size() > maxMemory {
		return damaged(fmt.Sprintf("larger than %d bytes", maxMemory))
	}
	data, err := os.ReadFile(m.path)
	if err != nil {
		return memoryError(err)
	}
	if err := json.Unmarshal(data, m); err != nil {
		return damaged(err.Error())
	}
	for key, e := range m.Entries {
		if e == nil || !wellFormed(e.Current.TXT, e.Current.CNAME, e.Current.File, e.Current.Meta) {
			return damaged(fmt.Sprintf("%q holds no code", key))
		}
	}
	if m.Entries == nil {
		m.Entries = map[string]*rememberedTokens{}
	}
	return nil
}

// tokens returns the codes of a name, making and saving them on first use or
// when renew is set; fresh says that they were made now.
func (m *tokenMemory) tokens(profile zonehold.ProfileName, host zonehold.Hostname, renew bool) (t zonehold.Tokens, old []verify.OldToken, fresh bool, err error) {
	key := string(profile) + "/" + string(host)
	e := m.Entries[key]
	if e == nil || renew {
		unlock, err := m.lock()
		if err != nil {
			return t, nil, false, memoryError(err)
		}
		defer unlock()
		if err := m.read(); err != nil { // another run may have written meanwhile
			return t, nil, false, err
		}
		if e = m.Entries[key]; e == nil || renew {
			if e, err = next(profile, e); err != nil {
				return t, nil, false, err
			}
			m.Entries[key], fresh = e, true
			if err := m.save(); err != nil {
				return t, nil, false, memoryError(err)
			}
		}
	}
	for _, o := range e.Old {
		for _, v := range o.Values {
			old = append(old, verify.OldToken{Value: v, RetiredAt: o.RetiredAt})
		}
	}
	return e.Current, old, fresh, nil
}

// next makes new codes and remembers those of before, which may be nil.
func next(profile zonehold.ProfileName, before *rememberedTokens) (*rememberedTokens, error) {
	made, err := zonehold.NewTokens(profile, "")
	if err != nil {
		return nil, err
	}
	now := time.Now().UTC().Truncate(time.Second)
	e := &rememberedTokens{Current: made, CreatedAt: now}
	if before != nil {
		e.Old = append([]oldTokens{{Values: before.Current.Values(), RetiredAt: now}}, before.Old...)
		e.Old = e.Old[:min(len(e.Old), maxOldTokens)]
	}
	return e, nil
}

// lock keeps other runs from writing. A lock that is older than any write
// takes was left behind.
func (m *tokenMemory) lock() (unlock func(), err error) {
	const patience, stale = 10 * time.Second, 30 * time.Second
	if err := os.MkdirAll(filepath.Dir(m.path), 0o700); err != nil {
		return nil, err
	}
	path := m.path + ".lock"
	for start := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err == nil {
			_ = f.Close() // nothing was written
			return func() { _ = os.Remove(path) }, nil
		}
		if !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
		if info, serr := os.Stat(path); serr == nil && time.Since(info.ModTime()) > stale {
			_ = os.Remove(path) // else the next try tells
		} else if time.Since(start) > patience {
			return nil, fmt.Errorf("another run holds %s", path)
		}
	}
}

func (m *tokenMemory) save() error {
	data, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(m.path), "tokens-*")
	if err != nil {
		return err
	}
	_, werr := tmp.Write(append(data, '\n'))
	err = errors.Join(werr, tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), m.path)
	}
	if err != nil {
		_ = os.Remove(tmp.Name()) // err says more
	}
	return err
}
