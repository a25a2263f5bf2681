package zonehold

// profiles is the whole of what differs between the dialects' proofs.
var profiles = []Profile{
	{
		Name: ProfileZonehold,
		TXT: TXTProof{
			Name:     "_zonehold-challenge.{host}",
			Value:    "token={token}",
			KeyValue: true,
		},
		CNAME: CNAMEProof{
			Name:   "_zonehold-challenge.{host}",
			Target: "{token}.{zone}",
		},
		File: FileProof{
			Path:    "/.well-known/zonehold-challenge/{filename}.txt",
			Body:    "token={token}",
			Compare: CompareText,
		},
		TXTFile: "/zonehold_{filename}.txt",
		Tags:    []string{"zonehold-verification"},
	},
	{
		Name: ProfileYandex, // contract yandex, section 6
		TXT: TXTProof{
			Name:  "{host}",
			Value: "yandex-verification: {token}",
		},
		CNAME: CNAMEProof{ // not of the dialect; as in the zonehold profile
			Name:   "_zonehold-challenge.{host}",
			Target: "{token}.{zone}",
		},
		File: FileProof{
			Path: "/yandex_{token}.html",
			Body: `<html>
    <head>
        <meta http-equiv="Content-Type" content="text/html; charset=UTF-8">
    </head>
    <body>Verification: {token}</body>
</html>
`,
			Compare: CompareHTML,
		},
		TXTFile: "/yandex_{token}.txt",
		Tags:    []string{"yandex-verification"},
	},
	{
		Name: ProfileProbely, // contract probely
		TXT: TXTProof{
			Name:  "{host}",
			Value: "Probely={token}",
		},
		CNAME: CNAMEProof{
			Name:   "probely-{token}.{host}",
			Target: "{token}.{zone}",
		},
		File: FileProof{
			Path:    "/{token}.txt",
			Body:    "Probely",
			Compare: CompareText,
		},
		TXTFile: "/zonehold_{filename}.txt",
		Tags:    []string{"probely-verification", "snyk-site-verification"},
	},
}
