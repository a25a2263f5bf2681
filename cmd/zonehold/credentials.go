package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/zonehold/zonehold"
)

const maxCredentials = 16 << 10 // bytes of the file

// credentials reads a file of credentials; "-" is standard input. No error
// repeats a value.
func (c *cli) credentials(provider, file string) (map[string]string, error) {
	var in io.Reader
	switch file {
	case "":
		return nil, usageError("--credentials-file is missing", "give a file, or - for standard input")
	case "-":
		in = c.stdin
	default:
		f, err := openSmall(file)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, maxCredentials+1))
	if err != nil {
		return nil, fmt.Errorf("reading the credentials: %w", err)
	}
	if len(data) > maxCredentials {
		return nil, usageError(fmt.Sprintf("the credentials are longer than %d bytes", maxCredentials))
	}
	return parseCredentials(provider, string(data))
}

// parseCredentials admits a flat JSON object, lines of key=value with or
// without one [section] as in ~/.aws/credentials, and a token alone.
func parseCredentials(provider, text string) (map[string]string, error) {
	text = strings.TrimSpace(strings.TrimPrefix(text, "\ufeff"))
	given := map[string]string{}
	switch {
	case text == "":
		return nil, usageError("the credentials are empty")
	case strings.HasPrefix(text, "{"):
		if json.Unmarshal([]byte(text), &given) != nil {
			return nil, usageError("the credentials are no JSON object of texts", "write {\"key\": \"value\", …}")
		}
	case provider == string(zonehold.MethodCloudflare) && !strings.ContainsAny(text, "=\n \t"):
		given["api_token"] = text
	default:
		if err := readPairs(text, given); err != nil {
			return nil, err
		}
	}
	out := map[string]string{}
	for key, value := range given {
		name := credentialName(key)
		switch {
		case name == "region" || name == "output":
			continue // of no use here, and usual in the ini form
		case !knownCredential(provider, name):
			return nil, usageError(fmt.Sprintf("%q is no credential of %s", clean(key), provider), "known: "+strings.Join(credentialNames[provider], ", "))
		}
		if _, twice := out[name]; twice {
			return nil, usageError(fmt.Sprintf("%s is given twice", name))
		}
		out[name] = value
	}
	return out, nil
}

var credentialNames = map[string][]string{
	string(zonehold.MethodAWSRoute53): {"access_key_id", "secret_access_key", "session_token"},
	string(zonehold.MethodCloudflare): {"api_token"},
}

func knownCredential(provider, name string) bool {
	for _, n := range credentialNames[provider] {
		if n == name {
			return true
		}
	}
	return false
}

// credentialName drops what other programs put before a name:
// AWS_ACCESS_KEY_ID, cloudflare_api_token.
func credentialName(key string) string {
	name := strings.ToLower(strings.TrimSpace(key))
	for _, prefix := range []string{"export ", "aws_", "cloudflare_", "cf_"} {
		name = strings.TrimPrefix(name, prefix)
	}
	return name
}

func readPairs(text string, into map[string]string) error {
	section := ""
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || line[0] == '#' || line[0] == ';':
			continue
		case line[0] == '[':
			if section != "" {
				return usageError("the credentials hold several sections", "keep the one that is meant")
			}
			section = line
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if !ok {
			return usageError(fmt.Sprintf("line %d of the credentials is not key=value", i+1))
		}
		value = strings.TrimSpace(value)
		if n := len(value); n >= 2 && (value[0] == '"' || value[0] == '\'') && value[n-1] == value[0] {
			value = value[1 : n-1]
		}
		key = strings.TrimSpace(key)
		if _, twice := into[key]; twice {
			return usageError(fmt.Sprintf("line %d of the credentials gives a key again", i+1))
		}
		into[key] = value
	}
	return nil
}
