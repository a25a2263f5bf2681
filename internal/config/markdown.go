package config

//go:generate go test . -run ^TestDocumentation$ -update

import (
	"fmt"
	"strings"
)

// Markdown is the text of docs/configuration.md.
func Markdown() string {
	var b strings.Builder
	b.WriteString(`# Configuration

<!-- Made from internal/config/keys.go: go test ./internal/config -update -->

Settings come from, lowest first: the defaults, a YAML file (` + "`-c FILE`" + `), the environment, flags.
A key has one name: ` + "`dns_port` in the file is `ZONEHOLD_DNS_PORT` in the environment and `--dns-port` as a flag" + `.
` + "`zonehold config show --origin`" + ` prints every value and where it came from; ` + "`zonehold config check`" + ` says what is wrong.

- Lists are separated by commas; in the file a YAML list does too.
- Durations are written like ` + "`90s`, `30m`, `168h`" + `.
- A secret may also be read from a file: ` + "`ZONEHOLD_DATABASE_URL_FILE`, or `database_url_file`" + ` in YAML. Secrets are never flags.
- An unknown key in the file is an error, an unknown ` + "`ZONEHOLD_…`" + ` variable a warning. An empty variable counts as not set, except for ` + "`ZONEHOLD_DNS_RESOLVERS`" + `.

## Server

`)
	table(&b, false)
	b.WriteString("\n## Commands that talk to a server\n\n")
	table(&b, true)
	return b.String()
}

func table(b *strings.Builder, client bool) {
	b.WriteString("| environment | default | meaning |\n|---|---|---|\n")
	for _, k := range keys {
		if k.Client != client {
			continue
		}
		def := "empty"
		if k.Default != "" {
			def = "`" + k.Default + "`"
		}
		env := "`" + k.Env() + "`"
		if k.Secret {
			env += ", `…_FILE`"
		}
		fmt.Fprintf(b, "| %s | %s | %s |\n", env, def, strings.ReplaceAll(k.Meaning, "|", "\\|"))
	}
}
