package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Perspectives is the file that the key perspectives names.
type Perspectives struct {
	Policy  PerspectivePolicy `yaml:"policy"`
	Entries []Perspective     `yaml:"perspectives"`

	// Files that entries without their own use.
	CA   string `yaml:"ca"`
	Cert string `yaml:"cert"`
	Key  string `yaml:"key"`
}

// Perspective is one entry of that file. Its files are absolute, or found from
// the folder of that file.
type Perspective struct {
	Name       string `yaml:"name"`
	Region     string `yaml:"region"`
	Network    string `yaml:"network"`
	URL        string `yaml:"url"`
	ServerName string `yaml:"server_name"` // "": the host of URL
	CA         string `yaml:"ca"`
	Cert       string `yaml:"cert"`
	Key        string `yaml:"key"`
}

// PerspectivePolicy is a word, or a quorum of one's own.
type PerspectivePolicy struct {
	Mode    string // "off", "observe", "br" or "quorum"
	Minimum int    // of "quorum"
	Allowed int
	Regions int
}

// UnmarshalYAML takes one of the words, or a mapping with the numbers.
func (p *PerspectivePolicy) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		switch n.Value {
		case "off", "observe", "br":
			p.Mode = n.Value
			return nil
		}
		return fmt.Errorf("line %d: policy wants off, observe, br, or minimum, allowed_failures and regions", n.Line)
	}
	if n.Kind != yaml.MappingNode {
		return fmt.Errorf("line %d: policy is neither a word nor a mapping", n.Line)
	}
	p.Mode = "quorum"
	fields := map[string]*int{"minimum": &p.Minimum, "allowed_failures": &p.Allowed, "regions": &p.Regions}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		to, ok := fields[k.Value]
		if !ok || seen[k.Value] {
			return fmt.Errorf("line %d: policy takes minimum, allowed_failures and regions, once each, and not %q", k.Line, clip(k.Value))
		}
		if err := v.Decode(to); err != nil {
			return fmt.Errorf("line %d: %s wants a number", v.Line, k.Value)
		}
		seen[k.Value] = true
	}
	for name := range fields {
		if !seen[name] {
			return fmt.Errorf("line %d: policy lacks %s", n.Line, name)
		}
	}
	return nil
}

// ReadPerspectives reads the file strictly. What the values mean is judged by
// who uses them.
func ReadPerspectives(path string) (*Perspectives, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("opening the file of the perspectives: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("reading the file of the perspectives: %w", err)
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("%s is larger than %d bytes", path, maxFile)
	}
	p, err := parsePerspectives(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	dir := filepath.Dir(path)
	for i := range p.Entries {
		e := &p.Entries[i]
		for _, file := range []*string{&e.CA, &e.Cert, &e.Key} {
			if *file != "" && !filepath.IsAbs(*file) {
				*file = filepath.Join(dir, *file)
			}
		}
	}
	return p, nil
}

func parsePerspectives(data []byte) (*Perspectives, error) {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	p := &Perspectives{Policy: PerspectivePolicy{Mode: "observe"}}
	if err := dec.Decode(p); errors.Is(err, io.EOF) {
		return nil, errors.New("the file is empty; it lists perspectives, each with name, region, url, ca, cert and key")
	} else if err != nil {
		return nil, errors.New(strings.ReplaceAll(err.Error(), "\n", " "))
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, errors.New("the file must hold one YAML document")
	}
	var errs []error
	for i := range p.Entries {
		e := &p.Entries[i]
		for _, d := range []struct{ own, all *string }{{&e.CA, &p.CA}, {&e.Cert, &p.Cert}, {&e.Key, &p.Key}} {
			if *d.own == "" {
				*d.own = *d.all
			}
		}
		for _, f := range []struct{ name, value string }{
			{"name", e.Name}, {"region", e.Region}, {"url", e.URL}, {"ca", e.CA}, {"cert", e.Cert}, {"key", e.Key},
		} {
			if strings.TrimSpace(f.value) == "" {
				errs = append(errs, fmt.Errorf("perspective %d (%s) lacks %s", i+1, clip(e.Name), f.name))
			}
		}
		if len(e.Network) > 100 || len(e.Name) > 100 {
			errs = append(errs, fmt.Errorf("perspective %d: name and network have at most 100 bytes", i+1))
		}
	}
	if len(p.Entries) == 0 && p.Policy.Mode != "off" {
		errs = append(errs, errors.New("no perspectives are listed"))
	}
	return p, errors.Join(errs...)
}
