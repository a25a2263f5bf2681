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

// maxOldTokens bounds what is remembered of one name.
const maxOldTokens = 10

// openTokenMemory reads $XDG_STATE_HOME/zonehold/tokens.json.
func openTokenMemory(env func(string) string) (*tokenMemory, error) {
	dir := env("XDG_STATE_HOME")
	if dir == "" {
		home := env("HOME")
		if home == "" {
			return nil, errors.New("no HOME or XDG_STATE_HOME to remember codes in; give one with --token")
		}
		dir = filepath.Join(home, ".local", "state")
	}
	m := &tokenMemory{path: filepath.Join(dir, "zonehold", "tokens.json"), Entries: map[string]*rememberedTokens{}}
	data, err := os.ReadFile(m.path)
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading remembered codes: %w", err)
	}
	if err := json.Unmarshal(data, m); err != nil {
		return nil, fmt.Errorf("reading remembered codes in %s: %w (repair or delete the file)", m.path, err)
	}
	if m.Entries == nil {
		m.Entries = map[string]*rememberedTokens{}
	}
	return m, nil
}

// tokens returns the codes of a name, making and saving them on first use or
// when renew is set; fresh says that they were made now.
func (m *tokenMemory) tokens(profile zonehold.ProfileName, host zonehold.Hostname, renew bool) (t zonehold.Tokens, old []verify.OldToken, fresh bool, err error) {
	key := string(profile) + "/" + string(host)
	e := m.Entries[key]
	if e == nil || renew {
		made, err := zonehold.NewTokens(profile, "")
		if err != nil {
			return t, nil, false, err
		}
		now := time.Now().UTC().Truncate(time.Second)
		next := &rememberedTokens{Current: made, CreatedAt: now}
		if e != nil {
			next.Old = append([]oldTokens{{Values: e.Current.Values(), RetiredAt: now}}, e.Old...)
			next.Old = next.Old[:min(len(next.Old), maxOldTokens)]
		}
		m.Entries[key], e, fresh = next, next, true
		if err := m.save(); err != nil {
			return t, nil, false, err
		}
	}
	for _, o := range e.Old {
		for _, v := range o.Values {
			old = append(old, verify.OldToken{Value: v, RetiredAt: o.RetiredAt})
		}
	}
	return e.Current, old, fresh, nil
}

func (m *tokenMemory) save() error {
	if err := os.MkdirAll(filepath.Dir(m.path), 0o700); err != nil {
		return fmt.Errorf("remembering the code: %w", err)
	}
	data, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(m.path), "tokens-*")
	if err != nil {
		return fmt.Errorf("remembering the code: %w", err)
	}
	_, werr := tmp.Write(append(data, '\n'))
	if err := errors.Join(werr, tmp.Close()); err != nil {
		os.Remove(tmp.Name())
		return fmt.Errorf("remembering the code: %w", err)
	}
	return os.Rename(tmp.Name(), m.path)
}
