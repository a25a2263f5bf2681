package zonehold

import (
	"strings"
	"testing"
)

// The exact strings of each profile, for one host and one token.
func TestProfiles(t *testing.T) {
	const (
		b32  = "mfrggzdfmztwq2lknnwg23tpobyxe43u"
		hex  = "26aab3d248d69ec226aab3d248d69ec2"
		uuid = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
	)
	tests := []struct {
		name                                   ProfileName
		token                                  string
		txtName, txtValue, cnameName, cnameTo  string
		filePath, fileBody, txtFile, tag, tags string
	}{
		{
			ProfileZonehold, b32,
			"_zonehold-challenge.www.example.com", "token=" + b32,
			"_zonehold-challenge.www.example.com", b32 + ".dcv.example.net",
			"/.well-known/zonehold-challenge/" + FileName(b32) + ".txt", "token=" + b32,
			"/zonehold_ftspiadbvo3dfujumb7pz3jj5u.txt",
			`<meta name="zonehold-verification" content="` + b32 + `">`, "zonehold-verification",
		},
		{
			ProfileYandex, hex,
			"www.example.com", "yandex-verification: " + hex,
			"_zonehold-challenge.www.example.com", hex + ".dcv.example.net",
			"/yandex_" + hex + ".html",
			"<html>\n    <head>\n        <meta http-equiv=\"Content-Type\" content=\"text/html; charset=UTF-8\">\n    </head>\n    <body>Verification: " + hex + "</body>\n</html>\n",
			"/yandex_" + hex + ".txt",
			`<meta name="yandex-verification" content="` + hex + `">`, "yandex-verification",
		},
		{
			ProfileProbely, uuid,
			"www.example.com", "Probely=" + uuid,
			"probely-" + uuid + ".www.example.com", uuid + ".dcv.example.net",
			"/" + uuid + ".txt", "Probely",
			"/zonehold_pmzhmtnxcblunw7mz5ehwijftu.txt",
			`<meta name="probely-verification" content="` + uuid + `">`, "probely-verification snyk-site-verification",
		},
	}
	for _, tt := range tests {
		t.Run(string(tt.name), func(t *testing.T) {
			p, ok := ProfileByName(tt.name)
			if !ok {
				t.Fatal("no such profile")
			}
			for _, pair := range [][2]string{
				{p.TXTName("www.example.com"), tt.txtName},
				{p.TXTValue(tt.token), tt.txtValue},
				{p.CNAMEName("www.example.com", tt.token), tt.cnameName},
				{p.CNAMETarget(tt.token, "dcv.example.net"), tt.cnameTo},
				{p.FilePath(tt.token), tt.filePath},
				{p.FileBody(tt.token), tt.fileBody},
				{p.TXTFilePath(tt.token), tt.txtFile},
				{p.TagHTML(tt.token), tt.tag},
				{strings.Join(p.TagNames(), " "), tt.tags},
			} {
				if pair[0] != pair[1] {
					t.Errorf("got  %q\nwant %q", pair[0], pair[1])
				}
			}
		})
	}
}

// The schema of the profile table.
func TestProfileTable(t *testing.T) {
	seen := map[ProfileName]bool{}
	for _, p := range profiles {
		if seen[p.Name] || p.Name == "" {
			t.Errorf("profile %q twice, or without a name", p.Name)
		}
		seen[p.Name] = true
		templates := map[string]struct {
			text    string
			allowed string
			must    string
		}{
			"TXT name":     {p.TXT.Name, "{host}", "{host}"},
			"TXT value":    {p.TXT.Value, "{token}", "{token}"},
			"CNAME name":   {p.CNAME.Name, "{host} {token}", "{host}"},
			"CNAME target": {p.CNAME.Target, "{token} {zone}", "{token}"},
			"file path":    {p.File.Path, "{token} {filename}", "/"},
			"file body":    {p.File.Body, "{token}", ""},
			"txt file":     {p.TXTFile, "{token} {filename}", "/"},
		}
		for name, tt := range templates {
			if !strings.Contains(tt.text, tt.must) || tt.text == "" {
				t.Errorf("%s: %s %q lacks %s", p.Name, name, tt.text, tt.must)
			}
			rest := tt.text
			for _, ph := range strings.Fields(tt.allowed) {
				rest = strings.ReplaceAll(rest, ph, "")
			}
			if strings.ContainsAny(rest, "{}") {
				t.Errorf("%s: %s %q has an unknown placeholder", p.Name, name, tt.text)
			}
		}
		if !strings.HasPrefix(p.File.Path, "/") || !strings.HasPrefix(p.TXTFile, "/") {
			t.Errorf("%s: a path is not absolute", p.Name)
		}
		// The secret has to be in the body or in the path, or nothing is proved.
		if !strings.Contains(p.File.Path+p.File.Body, "{token}") {
			t.Errorf("%s: the file proves nothing", p.Name)
		}
		if !strings.Contains(p.TXTFile, "{token}") && !strings.Contains(p.TXTFile, "{filename}") {
			t.Errorf("%s: the empty file proves nothing", p.Name)
		}
		// A URL that names the token would give away what another body holds.
		if strings.Contains(p.File.Path, "{filename}") && strings.Contains(p.TXTFile, "{token}") {
			t.Errorf("%s: the name of the empty file holds the secret of the file", p.Name)
		}
		if p.File.Compare != CompareText && p.File.Compare != CompareHTML {
			t.Errorf("%s: compare %q", p.Name, p.File.Compare)
		}
		if len(p.Tags) == 0 {
			t.Errorf("%s: no tags", p.Name)
		}
		tokens, err := NewTokens(p.Name, "")
		if err != nil {
			t.Fatal(err)
		}
		for _, label := range strings.Split(p.CNAMEName("example.com", tokens.CNAME)+"."+p.CNAMETarget(tokens.CNAME, ""), ".") {
			if len(label) > MaxLabel || label == "" {
				t.Errorf("%s: label %q", p.Name, label)
			}
		}
	}
	if p, ok := ProfileByName(""); !ok || p.Name != ProfileZonehold {
		t.Error("the default is not the zonehold profile")
	}
	if _, ok := ProfileByName("other"); ok {
		t.Error("found an unknown profile")
	}
}

// The body's secret cannot be learnt from the URL (threat T28).
func TestFileName(t *testing.T) {
	tokens, _ := NewTokens(ProfileZonehold, "")
	p, _ := ProfileByName(ProfileZonehold)
	if strings.Contains(p.FilePath(tokens.File), tokens.File) {
		t.Error("the path holds the secret of the body")
	}
	if n := FileName("mfrggzdfmztwq2lknnwg23tpobyxe43u"); n != "ftspiadbvo3dfujumb7pz3jj5u" {
		t.Errorf("the name is %q", n) // published names must not change
	}
}

// A brace in a token or host is not expanded again.
func TestExpandOnce(t *testing.T) {
	p, _ := ProfileByName(ProfileProbely)
	if got := p.CNAMEName("{token}.example.com", "{host}"); got != "probely-{host}.{token}.example.com" {
		t.Errorf("got %q", got)
	}
}
