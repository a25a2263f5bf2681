package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

const (
	maxFile   = 1 << 20  // bytes of the configuration file
	maxSecret = 64 << 10 // bytes of a …_FILE
	maxValue  = 64 << 10 // bytes of one value
)

// Sources are the layers over the defaults, lowest first.
type Sources struct {
	File    string            // path of the YAML file; "": none
	Environ []string          // as os.Environ gives it
	Flags   map[string]string // by key name, e.g. "dns_port"; only those that were given
}

// Load reads the layers, parses every value and validates the whole. The
// error joins one *Error per wrong setting, so that all can be mended at once.
func Load(src Sources) (*Config, error) {
	c := &Config{values: map[string]string{}, origins: map[string]Origin{}, path: src.File}
	for _, k := range keys {
		c.values[k.Name] = k.Default
		c.origins[k.Name] = Origin{Layer: "default"}
	}
	var errs []error
	if src.File != "" {
		errs = append(errs, c.readFile(src.File)...)
	}
	errs = append(errs, c.readEnviron(src.Environ)...)
	errs = append(errs, c.readFlags(src.Flags)...)
	parsed := true
	for _, k := range keys {
		v := c.values[k.Name]
		err := checkText(v)
		if err == nil {
			err = k.set(c, v)
		}
		if err != nil {
			parsed = false
			errs = append(errs, &Error{Key: k.Name, Origin: c.origins[k.Name], Message: err.Error()})
		}
	}
	if parsed {
		if err := c.Validate(); err != nil {
			errs = append(errs, err)
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return c, nil
}

func checkText(v string) error {
	if len(v) > maxValue {
		return fmt.Errorf("is longer than %d bytes", maxValue)
	}
	if !utf8.ValidString(v) {
		return errors.New("is not valid UTF-8")
	}
	return nil
}

func (c *Config) put(k *Key, v string, o Origin) {
	c.values[k.Name] = v
	c.origins[k.Name] = o
}

// readFile reads a flat YAML mapping. Values are scalars or lists of scalars.
func (c *Config) readFile(path string) []error {
	f, err := os.Open(path)
	if err != nil {
		return []error{fmt.Errorf("opening the configuration file: %w", err)}
	}
	defer f.Close() //nolint:errcheck // only read
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return []error{fmt.Errorf("reading the configuration file: %w", err)}
	}
	if len(data) > maxFile {
		return []error{fmt.Errorf("the configuration file %s is larger than %d bytes", path, maxFile)}
	}
	return c.readYAML(filepath.Base(path), data)
}

func (c *Config) readYAML(name string, data []byte) (errs []error) {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc yaml.Node
	if err := dec.Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			return nil
		}
		return []error{fmt.Errorf("%s is not valid YAML: %w", name, err)}
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return []error{fmt.Errorf("%s must hold one YAML document", name)}
	}
	root := doc.Content[0]
	if root.Kind == yaml.ScalarNode && root.Tag == "!!null" {
		return nil
	}
	if root.Kind != yaml.MappingNode {
		return []error{fmt.Errorf("%s must hold lines of the form key: value", name)}
	}
	from := map[string]Origin{}
	for i := 0; i+1 < len(root.Content); i += 2 {
		key, val := root.Content[i], root.Content[i+1]
		o := Origin{Layer: "file", Where: fmt.Sprintf("%s:%d", name, key.Line)}
		fail := func(format string, args ...any) {
			errs = append(errs, &Error{Key: clip(key.Value), Origin: o, Message: fmt.Sprintf(format, args...)})
		}
		if key.Kind != yaml.ScalarNode {
			fail("is not a key")
			continue
		}
		if prev, ok := from[key.Value]; ok {
			fail("is set twice, first at %s", prev.Where)
			continue
		}
		from[key.Value] = o
		if slices.Contains(reserved, key.Value) {
			c.warnings = append(c.warnings, fmt.Sprintf("%s (%s) has no effect in this version", key.Value, o.Where))
			continue
		}
		k, isFile := lookup(key.Value)
		if k == nil {
			fail("is not a setting%s", didYouMean(strings.ToLower(key.Value)))
			continue
		}
		v, err := scalar(val)
		if err != nil {
			fail("%s", err)
			continue
		}
		if isFile {
			if _, both := from[k.Name]; both {
				fail("and %s are both set; keep one", k.Name)
				continue
			}
			if v, err = readSecret(v); err != nil {
				fail("%s", err)
				continue
			}
		} else if _, both := from[k.Name+"_file"]; both {
			fail("and %s_file are both set; keep one", k.Name)
			continue
		}
		c.put(k, v, o)
	}
	return errs
}

// scalar turns a YAML value into the text form that the environment has.
func scalar(n *yaml.Node) (string, error) {
	switch n.Kind {
	case yaml.ScalarNode:
		if n.Tag == "!!null" {
			return "", nil
		}
		return n.Value, nil
	case yaml.SequenceNode:
		items := make([]string, 0, len(n.Content))
		for _, it := range n.Content {
			if it.Kind != yaml.ScalarNode || it.Tag == "!!null" {
				return "", errors.New("a list may hold only plain values")
			}
			if strings.Contains(it.Value, ",") {
				return "", errors.New("an item of a list cannot hold a comma")
			}
			items = append(items, it.Value)
		}
		return strings.Join(items, ","), nil
	}
	return "", errors.New("must be a plain value or a list of plain values")
}

// lookup finds a key by its name, or a secret by its name with _file.
func lookup(name string) (k *Key, isFile bool) {
	if k := find(name); k != nil {
		return k, false
	}
	if base, ok := strings.CutSuffix(name, "_file"); ok {
		if k := find(base); k != nil && k.Secret {
			return k, true
		}
	}
	return nil, false
}

// readSecret reads a value from a file; one final line break is not part of
// it.
func readSecret(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("reading the secret: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read
	data, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err != nil {
		return "", fmt.Errorf("reading the secret: %w", err)
	}
	if len(data) > maxSecret {
		return "", fmt.Errorf("the file %s is larger than %d bytes", path, maxSecret)
	}
	v := strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
	if v == "" {
		return "", fmt.Errorf("the file %s is empty", path)
	}
	return v, nil
}

// notOurs are variables with our prefix that are read elsewhere.
var notOurs = []string{"ZONEHOLD_CONFIG", "ZONEHOLD_CONTEXT"}

// readEnviron takes ZONEHOLD_… variables. Unknown ones only warn: the
// environment is shared, also with other versions of this program. An empty
// variable counts as not set, except for keys where empty means none.
func (c *Config) readEnviron(environ []string) (errs []error) {
	env := map[string]string{}
	for _, kv := range environ {
		if name, v, ok := strings.Cut(kv, "="); ok && (strings.HasPrefix(name, "ZONEHOLD_") || findForeign(name) != nil) {
			env[name] = v // the last one wins, as in os/exec
		}
	}
	names := make([]string, 0, len(env))
	for name := range env {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		if slices.Contains(notOurs, name) || strings.HasPrefix(name, "ZONEHOLD_TEST_") {
			continue
		}
		key := strings.ToLower(strings.TrimPrefix(name, "ZONEHOLD_"))
		k, isFile := lookup(key)
		if k != nil && k.env != "" && k.env != name {
			k = nil
		}
		if env[name] == "" && (k == nil || !k.Empty) {
			continue
		}
		o := Origin{Layer: "environment", Where: name}
		if slices.Contains(reserved, key) {
			c.warnings = append(c.warnings, name+" has no effect in this version")
			continue
		}
		if k == nil || name != strings.ToUpper(name) {
			c.warnings = append(c.warnings, name+" is not a setting"+didYouMean(key))
			continue
		}
		v := env[name]
		if isFile {
			if env[k.Env()] != "" {
				errs = append(errs, &Error{Key: k.Name, Origin: o, Message: "and " + k.Env() + " are both set; keep one"})
				continue
			}
			var err error
			if v, err = readSecret(v); err != nil {
				errs = append(errs, &Error{Key: k.Name, Origin: o, Message: err.Error()})
				continue
			}
		}
		c.put(k, v, o)
	}
	return errs
}

// findForeign finds a key by a name that another program chose.
func findForeign(env string) *Key {
	for i := range keys {
		if keys[i].env == env {
			return &keys[i]
		}
	}
	return nil
}

func (c *Config) readFlags(flags map[string]string) (errs []error) {
	names := make([]string, 0, len(flags))
	for name := range flags {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		k := find(name)
		if k == nil {
			errs = append(errs, &Error{Key: clip(name), Origin: Origin{Layer: "flag"}, Message: "is not a setting" + didYouMean(name)})
			continue
		}
		if k.Secret {
			errs = append(errs, &Error{Key: name, Origin: Origin{Layer: "flag", Where: k.Flag()},
				Message: "a secret in a command line can be read by others; use " + k.Env() + "_FILE"})
			continue
		}
		c.put(k, flags[name], Origin{Layer: "flag", Where: k.Flag()})
	}
	return errs
}

// didYouMean names the nearest key within two edits, or one that the name is
// a part of.
func didYouMean(name string) string {
	if len(name) > 64 {
		return ""
	}
	best, dist := "", 3
	try := func(candidate string) {
		if d := distance(name, candidate); d < dist {
			best, dist = candidate, d
		}
	}
	for _, k := range keys {
		try(k.Name)
		if k.Secret {
			try(k.Name + "_file")
		}
	}
	if best == "" {
		flat := strings.NewReplacer("-", "_", ".", "_").Replace(name)
		for _, k := range keys {
			if flat == k.Name || strings.ReplaceAll(flat, "_", "") == strings.ReplaceAll(k.Name, "_", "") {
				best = k.Name
			}
		}
	}
	if best == "" {
		return ""
	}
	return "; did you mean " + best + "?"
}

// distance is the number of single-byte edits between two short names.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diag := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			diag, row[j] = row[j], min(row[j]+1, row[j-1]+1, diag+cost)
		}
	}
	return row[len(b)]
}
