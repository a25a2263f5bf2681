package problem

var httpContent = []Entry{
	{
		Code:              "http_not_found", // F69
		WhoActs:           Owner,
		RetryAfterSeconds: 60,
		Title:             "The file is not there",
		Meaning:           "The web server answers and says that there is no such file. It lies in another folder, has another name (a second ending, a copy's “(1)”, other capitals), or was not uploaded to this server.",
		LookedFor:         lookedFile,
		Found:             "{final_url} answered with status {status} to us. A file with nearly this name is at {where} (but the name has to be exact).",
		Fixes: []string{
			"Put the file at exactly {path} below the root folder of the site.",
			"Rename {where} to the exact name.",
			"Look whether the upload reached the folder that the web server serves, and whether capitals and ending of the name are right.",
		},
		SeeItYourself: curlURL,
	},
	{
		Code:              "http_soft_404", // F70
		WhoActs:           Owner,
		RetryAfterSeconds: 60,
		Title:             "The site answers yes to every address",
		Meaning:           "A made-up file name gets the same answer as the real one, or an answer that repeats the request: a single-page application, a content system or a parked page serves every path with status 200. So the answer does not show that the file was placed.",
		LookedFor:         lookedFile,
		Found:             "A file name that we made up was answered with status {status} too: {where}",
		Fixes: []string{
			"Let the web server serve the file {path} itself, before the rule that sends everything to the application.",
			"Let unknown paths answer with status 404, and the file of the proof with its exact content.",
			"Or use the DNS TXT method.",
		},
		SeeItYourself: "curl -g -sS -D- {where}",
	},
	{
		Code:              "file_decorated", // F71
		WhoActs:           Owner,
		RetryAfterSeconds: 60,
		Title:             "Something was added to the file",
		Meaning:           "The right content is in the answer, but inside a larger page: a template, an advertisement, a counter or an optimiser wrapped it. The file has to be served as it is.",
		LookedFor:         lookedFile,
		Found:             `{final_url} has the right content inside a larger page. It begins with "{got}" (this is not ours).`,
		Fixes: []string{
			"Upload it as a plain file by FTP or the hosting panel, not as a page of the content system.",
			"Switch rewriting off for {path} in the CDN or plug-in (minify, e-mail protection, script injection).",
		},
		SeeItYourself: curlURL,
	},
	{
		Code:              "file_bom_or_encoding", // F72
		WhoActs:           Owner,
		RetryAfterSeconds: 60,
		Title:             "The file is stored in another encoding",
		Meaning:           "An editor stored the file as UTF-16, or put a byte order mark or line ends around the content. Marks and white space around UTF-8 are accepted and only reported; UTF-16 is not.",
		LookedFor:         lookedFile,
		Found:             `{final_url} begins with "{got}" (bytes that do not belong to the text). {detail}`,
		Fixes: []string{
			"Save the file anew as UTF-8 without a byte order mark (in Notepad: “UTF-8”, not “Unicode”), or download it from the challenge.",
		},
		SeeItYourself: "curl -g -sS {url} | od -c",
	},
	{
		Code:              "file_wrong_content_type", // F73
		Severity:          SeverityWarning,
		WhoActs:           Owner,
		RetryAfterSeconds: 60,
		Title:             "The file is served as another kind of content",
		Meaning:           "The header Content-Type does not say text. Plain text and unknown binary data are accepted; others are a sign that a page or a download answers in place of the file.",
		LookedFor:         lookedFile,
		Found:             `{final_url} is served as "{got}" by the server.`,
		Fixes: []string{
			"Let the server serve .txt files as text/plain and .html files as text/html.",
		},
		SeeItYourself: curlHead,
	},
	{
		Code:              "http_content_encoding_broken", // F74
		WhoActs:           WebHost,
		RetryAfterSeconds: 120,
		Title:             "The answer is compressed in a way that cannot be undone",
		Meaning:           "The server says that the content is compressed and it is not, or it is compressed twice, or by a method that was not asked for. What the file says cannot be read then.",
		LookedFor:         lookedFile,
		Found:             "The content of {final_url} could not be unpacked. {detail}",
		Fixes: []string{
			"Switch compression off for {path} on the server or CDN.",
			"Switch compression off in one of the two places, server or proxy, that both compress.",
		},
		SeeItYourself: "curl -g -sS -D- -o /dev/null -H Accept-Encoding:gzip {url}",
	},
	{
		Code:              "http_stale_cdn_copy", // F75
		WhoActs:           Owner,
		RetryAfterSeconds: 300,
		Title:             "A cache in front of the site serves an older copy",
		Meaning:           "The answer comes from the cache of a CDN or proxy, and with a different query the origin serves something newer. The change is there but not yet visible.",
		LookedFor:         lookedFile,
		Found:             "{final_url} came from a cache ({detail}).",
		Fixes: []string{
			"Purge the cache of {product} for {path} and check again.",
		},
		Otherwise:     "Purge the cache for the path of the proof and check again.",
		SeeItYourself: curlHead,
	},
	{
		Code:              "http_nodes_disagree", // F76
		WhoActs:           Owner,
		RetryAfterSeconds: 120,
		Title:             "Not every server of the site has the proof",
		Meaning:           "The same address sometimes has the file or tag and sometimes not: several servers stand behind it, and the proof was put on one of them, or on the test system. Which server answers changes from request to request.",
		LookedFor:         lookedFile,
		Found:             "Asked several times, the answers differ: {addresses}",
		Fixes: []string{
			"Put the proof on every server of the site, or into the release that all of them get.",
		},
		SeeItYourself: curlHead,
	},
	{
		Code:              "http_https_differ", // F77
		WhoActs:           Owner,
		RetryAfterSeconds: 60,
		Title:             "http and https answer differently",
		Meaning:           "The proof is served over one of http and https and not over the other. This claim is for one of them only, as the dialect treats them as two sites.",
		LookedFor:         lookedFile,
		Found:             "The proof is at {where} (but not at the address of this claim).",
		Fixes: []string{
			"Serve the proof at {url} as well.",
			"Or claim the site with the scheme that serves it.",
		},
		SeeItYourself: curlURL,
	},
	{
		Code:              "http_body_too_large_or_slow", // F78
		WhoActs:           WebHost,
		RetryAfterSeconds: 120,
		Title:             "The answer is too long or too slow",
		Meaning:           "The answer did not end within the limits of size and time. The file of a proof has less than a hundred characters; a large answer is something else.",
		LookedFor:         lookedFile,
		Found:             "{final_url} sent more than is read, or took too long. {detail}",
		Fixes: []string{
			"Let the server answer {path} with a small file or a short page.",
			"Look why the server is slow to answer at this address.",
		},
		SeeItYourself: "time curl -g -sS -o /dev/null {url}",
	},
	{
		Code:              "file_wrong_content",
		WhoActs:           Owner,
		RetryAfterSeconds: 60,
		Title:             "The file has another content",
		Meaning:           "The file is there and its content is not the one of this claim: it is of another account, an older one, or another file altogether. Only the exact content of this claim proves it.",
		LookedFor:         lookedFile,
		Found:             `{final_url} contains "{got}" instead.`,
		Fixes: []string{
			"Replace the content of {path} by {expected}",
			"Download the file from the challenge anew and upload it unchanged.",
		},
		SeeItYourself: curlURL,
	},
}
