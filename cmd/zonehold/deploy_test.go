package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/zonehold/zonehold/internal/config"
	"github.com/zonehold/zonehold/internal/telemetry"
)

const deployDir = "../../deploy"

func readDeploy(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(deployDir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var metricName = regexp.MustCompile(`\b(?:zonehold|process|go)_[a-z0-9_]+\b|\bup\b`)

var (
	byLabels    = regexp.MustCompile(`\bby \(([^)]*)\)`)
	whereLabels = regexp.MustCompile(`([a-z_]+)\s*(?:=~|!~|!=|=)`)
)

// exported fails for metrics of an expression that the program has not, and
// for labels that they have not.
func exported(t *testing.T, where, expr string) {
	t.Helper()
	names := telemetry.Catalogue()
	labels := []string{"le", "instance", "job"}
	// What is in quotes are values of labels.
	bare := regexp.MustCompile(`"[^"]*"`).ReplaceAllString(expr, "")
	found := metricName.FindAllString(bare, -1)
	if len(found) == 0 {
		t.Errorf("%s: no metric in %q", where, expr)
	}
	for _, name := range found {
		if !strings.HasPrefix(name, "zonehold_") {
			continue // of Prometheus and of its Go library
		}
		base := name
		for _, suffix := range []string{"_bucket", "_count", "_sum"} {
			base = strings.TrimSuffix(base, suffix)
		}
		got, ok := names[name]
		if !ok {
			got, ok = names[base]
		}
		if !ok {
			t.Errorf("%s: the program has no metric %s", where, name)
		}
		labels = append(labels, got...)
	}
	var used []string
	for _, m := range byLabels.FindAllStringSubmatch(bare, -1) {
		used = append(used, strings.Split(m[1], ", ")...)
	}
	for _, m := range regexp.MustCompile(`\{([^}]*)\}`).FindAllStringSubmatch(bare, -1) {
		for _, l := range whereLabels.FindAllStringSubmatch(m[1], -1) {
			used = append(used, l[1])
		}
	}
	for _, l := range used {
		if !slices.Contains(labels, l) {
			t.Errorf("%s: no metric of %q has the label %s", where, expr, l)
		}
	}
	for _, pair := range []string{"()", "{}", "[]"} {
		if strings.Count(bare, pair[:1]) != strings.Count(bare, pair[1:]) {
			t.Errorf("%s: unbalanced %s in %q", where, pair, expr)
		}
	}
}

var spanPattern = regexp.MustCompile(`^\d+[smhd]$`)

// Every alert asks for what is exported, and leads to a heading of the guide.
func TestAlerts(t *testing.T) {
	var doc struct {
		Groups []struct {
			Name  string
			Rules []struct {
				Alert, Expr, For    string
				Labels, Annotations map[string]string
			}
		}
	}
	dec := yaml.NewDecoder(strings.NewReader(readDeploy(t, "prometheus/alerts.yml")))
	dec.KnownFields(true)
	if err := dec.Decode(&doc); err != nil {
		t.Fatal(err)
	}
	guide, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, g := range doc.Groups {
		for _, r := range g.Rules {
			if r.Alert == "" || r.Expr == "" || seen[r.Alert] {
				t.Errorf("an alert without a name of its own or an expression: %+v", r)
			}
			seen[r.Alert] = true
			exported(t, r.Alert, r.Expr)
			if !spanPattern.MatchString(r.For) {
				t.Errorf("%s: for %q", r.Alert, r.For)
			}
			if s := r.Labels["severity"]; s != "critical" && s != "warning" {
				t.Errorf("%s: severity %q", r.Alert, s)
			}
			if r.Annotations["summary"] == "" || r.Annotations["description"] == "" {
				t.Errorf("%s: says nothing", r.Alert)
			}
			if want := "docs/operations.md#" + strings.ToLower(r.Alert); !strings.HasSuffix(r.Annotations["runbook_url"], want) {
				t.Errorf("%s: leads to %q", r.Alert, r.Annotations["runbook_url"])
			}
			if !strings.Contains(string(guide), "\n### "+r.Alert+"\n") {
				t.Errorf("%s has no heading in the guide", r.Alert)
			}
		}
	}
	if len(seen) < 10 {
		t.Errorf("only %d alerts", len(seen))
	}
	for _, m := range regexp.MustCompile(`(?m)^### (Zonehold\w+)$`).FindAllStringSubmatch(string(guide), -1) {
		if !seen[m[1]] {
			t.Errorf("the guide has a heading for %s, which is no alert", m[1])
		}
	}
}

func TestDashboard(t *testing.T) {
	type panel struct {
		ID      int
		Type    string
		Title   string
		GridPos struct{ H, W, X, Y int } `json:"gridPos"`
		Targets []struct {
			RefID string `json:"refId"`
			Expr  string
		}
	}
	var doc struct {
		Title, UID    string
		SchemaVersion int
		Panels        []panel
		Templating    struct {
			List []struct{ Name, Type, Query string }
		}
	}
	if err := json.Unmarshal([]byte(readDeploy(t, "grafana/zonehold.json")), &doc); err != nil {
		t.Fatal(err)
	}
	if doc.Title == "" || doc.UID == "" || doc.SchemaVersion < 30 || len(doc.Templating.List) == 0 {
		t.Errorf("%q %q %d", doc.Title, doc.UID, doc.SchemaVersion)
	}
	ids := map[int]bool{}
	for i, p := range doc.Panels {
		if ids[p.ID] || p.Title == "" || p.GridPos.W < 1 || p.GridPos.X+p.GridPos.W > 24 {
			t.Errorf("panel %+v", p)
		}
		ids[p.ID] = true
		for _, o := range doc.Panels[:i] {
			a, b := p.GridPos, o.GridPos
			if a.X < b.X+b.W && b.X < a.X+a.W && a.Y < b.Y+b.H && b.Y < a.Y+a.H {
				t.Errorf("%q lies on %q", p.Title, o.Title)
			}
		}
		if p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("%q shows nothing", p.Title)
		}
		for _, target := range p.Targets {
			exported(t, p.Title, target.Expr)
		}
	}
}

// settingsIn fails for variables that are no settings.
func settingsIn(t *testing.T, where, text string) {
	t.Helper()
	found := regexp.MustCompile(`\bZONEHOLD_[A-Z0-9_]+`).FindAllString(text, -1)
	if len(found) == 0 {
		t.Errorf("%s sets nothing", where)
	}
	for _, name := range found {
		ok := slices.ContainsFunc(config.Keys(), func(k config.Key) bool {
			return name == k.Env() || k.Secret && name == k.Env()+"_FILE" || name == "ZONEHOLD_"
		})
		if !ok {
			t.Errorf("%s: %s is no setting", where, name)
		}
	}
}

// commandIn fails for a command line that the program does not take.
func commandIn(t *testing.T, where string, words ...string) {
	t.Helper()
	root := (&cli{}).rootCommand()
	cmd, rest, err := root.Find(words)
	if err != nil || cmd == root || cmd.HasSubCommands() && len(rest) > 0 && !strings.HasPrefix(rest[0], "-") {
		t.Errorf("%s: there is no command %v: %v", where, words, err)
		return
	}
	for _, w := range rest {
		if name, ok := strings.CutPrefix(w, "--"); ok && cmd.Flags().Lookup(name) == nil && cmd.InheritedFlags().Lookup(name) == nil {
			t.Errorf("%s: %s has no flag %s", where, cmd.Name(), w)
		}
	}
}

// Mails name commands that there are.
func TestCommandsInMails(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("..", "..", "internal", "app", "testdata", "notice_*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for line := range strings.Lines(string(text)) {
			if command, ok := strings.CutPrefix(strings.TrimSpace(line), "zonehold "); ok {
				commandIn(t, file, strings.Fields(command)...)
				n++
			}
		}
		if n == 0 {
			t.Errorf("%s names no command", file)
		}
	}
}

func TestDeployFiles(t *testing.T) {
	compose := readDeploy(t, "compose/compose.yaml")
	var doc struct {
		Name     string
		Services map[string]struct {
			Build, Image any
			Environment  map[string]string
			Secrets      []string
			Healthcheck  map[string]any
			Ports        []string
			Extra        map[string]any `yaml:",inline"`
		}
		Secrets map[string]struct{ File string }
		Volumes map[string]any
	}
	if err := yaml.Unmarshal([]byte(compose), &doc); err != nil {
		t.Fatal(err)
	}
	if len(doc.Services) != 2 || doc.Services["database"].Healthcheck == nil {
		t.Errorf("services %v", doc.Services)
	}
	for name, s := range doc.Services {
		for _, secret := range s.Secrets {
			if doc.Secrets[secret].File == "" {
				t.Errorf("%s: the secret %s is not defined", name, secret)
			}
		}
		for key, value := range s.Environment {
			if strings.HasSuffix(key, "_FILE") && !slices.Contains(s.Secrets, strings.TrimPrefix(value, "/run/secrets/")) {
				t.Errorf("%s: %s is not among its secrets", name, value)
			}
		}
		for _, p := range s.Ports {
			if !strings.HasPrefix(p, "127.0.0.1:") {
				t.Errorf("%s: %s is open to the network", name, p)
			}
		}
	}
	settingsIn(t, "compose", compose)

	container := readDeploy(t, "container/Containerfile")
	settingsIn(t, "container", container)
	commandIn(t, "container", "serve")
	for _, m := range regexp.MustCompile(`CMD (\[.*\])`).FindAllStringSubmatch(container, -1) {
		var words []string
		if err := json.Unmarshal([]byte(m[1]), &words); err != nil {
			t.Errorf("%s: %v", m[1], err)
			continue
		}
		commandIn(t, "container", strings.Split(strings.TrimPrefix(strings.Join(words, " "), "/zonehold "), " ")...)
	}
	for _, want := range []string{"\nFROM scratch\n", "\nUSER 65532:65532\n", "CGO_ENABLED=0", "ca-certificates.crt", "\nHEALTHCHECK "} {
		if !strings.Contains(container, want) {
			t.Errorf("the container file lacks %q", want)
		}
	}

	unit := readDeploy(t, "systemd/zonehold.service")
	settingsIn(t, "unit", unit)
	section := ""
	for line := range strings.Lines(unit) {
		switch line = strings.TrimSpace(line); {
		case line == "" || line[0] == '#':
		case line[0] == '[':
			section = line
		default:
			if key, _, ok := strings.Cut(line, "="); !ok || section == "" || strings.Contains(key, " ") {
				t.Errorf("unit: %q", line)
			}
		}
	}
	exec := regexp.MustCompile(`(?m)^ExecStart=\S+/zonehold (.*)$`).FindStringSubmatch(unit)
	if exec == nil {
		t.Fatal("the unit starts nothing")
	}
	commandIn(t, "unit", strings.Fields(exec[1])...)
	for _, want := range []string{"DynamicUser=yes", "StateDirectory=zonehold", "ProtectSystem=strict", "NoNewPrivileges=yes"} {
		if !strings.Contains(unit, "\n"+want+"\n") {
			t.Errorf("the unit lacks %s", want)
		}
	}
}
