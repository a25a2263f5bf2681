package problem

var httpReach = []Entry{
	{
		Code:              "http_no_public_address", // F54
		WhoActs:           Owner,
		RetryAfterSeconds: 60,
		Title:             "The name has no address that can be reached from the Internet",
		Meaning:           "There is no A or AAAA record for the name, or all of them are addresses for private networks and special purposes. Such addresses are never contacted.",
		LookedFor:         "A public IPv4 or IPv6 address of {domain} in the DNS",
		Found:             "The addresses of {domain} are: {addresses}",
		Fixes: []string{
			"Add an A or AAAA record with the public address of the web server to {domain} and check again.",
			"If the web site is only for an internal network, use the DNS TXT method.",
		},
		SeeItYourself: "dig +short {domain} A {domain} AAAA",
	},
	{
		Code:              "http_ipv6_differs", // F55
		WhoActs:           WebHost,
		RetryAfterSeconds: 120,
		Title:             "IPv6 and IPv4 lead to different answers",
		Meaning:           "The name has an AAAA record, and what answers there is not what answers over IPv4: nothing, another server, or an older one. Many visitors, and most verifiers, use IPv6 first.",
		LookedFor:         lookedWeb,
		Found:             "The addresses answer like this: {addresses}",
		Fixes: []string{
			"Let the web server listen on the IPv6 address {address} with the same content.",
			"Correct the AAAA record of {domain} or delete it, if the server has no IPv6.",
		},
		Otherwise:     "Let IPv6 and IPv4 lead to the same server.",
		SeeItYourself: "curl -g -6 -sS -D- {url}",
	},
	{
		Code:              "http_addresses_disagree", // F56
		WhoActs:           WebHost,
		RetryAfterSeconds: 120,
		Title:             "The addresses of the name give different answers",
		Meaning:           "The name has several addresses, and not all of them serve the same. One may be a server that was replaced, or that the file was not copied to.",
		LookedFor:         "The same answer from every address at {url}",
		Found:             "The addresses answer like this: {addresses}",
		Fixes: []string{
			"Publish the file on the server at {address} too, or remove that address from the DNS.",
		},
		Otherwise:     "Put the same content on every server, or remove the addresses of servers that are no longer in use.",
		SeeItYourself: curlURL,
	},
	{
		Code:              "http_connect_failed", // F57
		WhoActs:           WebHost,
		RetryAfterSeconds: 120,
		Title:             "No connection to the web server came about",
		Meaning:           "The name has an address, and nothing answers there. Refused means that no program listens on the port; no answer at all usually means that a firewall drops the connection; reset means that something on the way cut it.",
		LookedFor:         lookedWeb,
		Found:             "The connection to {address} (of {domain}) failed: {detail}",
		Fixes: []string{
			"Look whether the web server runs and listens on {address} for everybody.",
			"Open ports 80 and 443 in the firewall for everybody.",
		},
		SeeItYourself: curlHead,
	},
	{
		Code:              "tls_failed", // F58
		WhoActs:           WebHost,
		RetryAfterSeconds: 120,
		Title:             "The secure connection failed",
		Meaning:           "The server speaks TLS, and its certificate or its settings are not right: expired, made for another name, not signed by a known authority, or an old version of TLS. No page is read over a connection whose other end is not known.",
		LookedFor:         "A valid certificate for {domain} over TLS 1.2 or newer",
		Found:             "The handshake with {address} (port of {url}) failed. Reason: {detail}",
		Fixes: []string{
			"Install a valid certificate for {domain} with its whole chain.",
			"If http without TLS is served as well, let the proof be reachable there without a redirect to https.",
		},
		SeeItYourself: "curl -g -sSv -o /dev/null {url}",
	},
	{
		Code:              "http_port_mixup", // F59
		WhoActs:           WebHost,
		RetryAfterSeconds: 120,
		Title:             "The port speaks another protocol",
		Meaning:           "Plain HTTP came from a port for HTTPS, or TLS from a port for HTTP, or HTTP/2 without TLS. Usually a listener or a port forwarding is set up the wrong way round.",
		LookedFor:         lookedWeb,
		Found:             "At {url} the server speaks another protocol: {detail}",
		Fixes: []string{
			"Let port 443 speak TLS and port 80 plain HTTP in the settings of the web server or proxy.",
		},
		SeeItYourself: "curl -g -sSv -o /dev/null {url}",
	},
	{
		Code:              "http_protocol_error",
		WhoActs:           WebHost,
		RetryAfterSeconds: 120,
		Title:             "The server does not speak HTTP properly",
		Meaning:           "Something answered that is not an HTTP answer, or whose header is broken or larger than 64 KiB. A program other than a web server may listen there.",
		LookedFor:         lookedWeb,
		Found:             "The answer at {url} could not be read: {detail}",
		Fixes: []string{
			"Look which program listens on the port, and let the web server answer there.",
		},
		SeeItYourself: "curl -g -sSv -o /dev/null {url}",
	},
	{
		Code:              "http_redirected_off_host", // F60
		WhoActs:           Owner,
		RetryAfterSeconds: 60,
		Title:             "The address redirects to another site",
		Meaning:           "In place of the proof a redirect came that leads off the domain: to another site, a sign-in page or a country page. What another site shows says nothing about this domain, so it is not followed.",
		LookedFor:         lookedWeb,
		Found:             "The redirects lead to {final_url} (another site). The way there: {redirect_chain}",
		Fixes: []string{
			"Let the web server answer {path} itself with status 200, before any redirect.",
			"If you own the site that answers, claim that one: {target}",
		},
		Otherwise:     "Exclude the path of the proof from the redirect rule.",
		SeeItYourself: curlHead,
	},
	{
		Code:              "http_redirect_missing_slash", // F61
		WhoActs:           Owner,
		RetryAfterSeconds: 60,
		Title:             "A slash is missing in a redirect rule",
		Meaning:           "The redirect glues the path to the host name, as in https://www.example.com.well-known/…, because the target of the rule lacks its final slash. That is another host, which does not exist or belongs to somebody else.",
		LookedFor:         lookedWeb,
		Found:             "The redirect leads to {final_url} (host and path run together).",
		Fixes: []string{
			"Add the slash after the host name in the redirect rule, as in: Redirect / https://www.example.com/",
		},
		SeeItYourself: curlHead,
	},
	{
		Code:              "http_redirect_loop", // F62
		WhoActs:           Owner,
		RetryAfterSeconds: 60,
		Title:             "The redirects do not come to an end",
		Meaning:           "The address redirects in a circle, or more often than is followed. A frequent reason is a proxy that speaks http to a server that redirects to https.",
		LookedFor:         lookedWeb,
		Found:             "The redirects go like this: {redirect_chain}",
		Fixes: []string{
			"Let {url} answer with status 200 without a redirect.",
			"Behind a proxy or CDN, set its mode to HTTPS to the origin (at Cloudflare: “Full”).",
		},
		SeeItYourself: "curl -g -sSL --max-redirs 10 -D- -o /dev/null {url}",
	},
	{
		Code:              "http_redirect_invalid",
		WhoActs:           Owner,
		RetryAfterSeconds: 60,
		Title:             "The redirect cannot be followed",
		Meaning:           "The redirect has no usable target: none at all, another protocol than http and https, another port than those of the site, or a user name in it. Such redirects are not followed.",
		LookedFor:         lookedWeb,
		Found:             `The redirect leads to "{target}" (not followed). {detail}`,
		Fixes: []string{
			"Let {url} answer with status 200 without a redirect.",
			"Let the redirect lead to an http or https address of the same site on its usual port.",
		},
		SeeItYourself: curlHead,
	},
	{
		Code:              "http_auth_required", // F63
		WhoActs:           Owner,
		RetryAfterSeconds: 60,
		Title:             "The site asks for a password",
		Meaning:           "The server answers only after signing in, as test sites often do. The proof has to be readable without, or the service has to know the credentials.",
		LookedFor:         lookedWeb,
		Found:             "{final_url} answered with status {status} and asks for credentials.",
		Fixes: []string{
			"Exempt the path {path} from the password.",
			"Or store the user name and password of the site with the domain.",
		},
		Otherwise:     "Exempt the path of the proof from the password.",
		SeeItYourself: curlHead,
	},
	{
		Code:              "http_blocked_by_bot_protection", // F64
		WhoActs:           Owner,
		RetryAfterSeconds: 60,
		Title:             "A protection against bots answers in place of the site",
		Meaning:           "A firewall or bot protection in front of the site stopped the request or showed a test that only browsers pass. The check does not pretend to be a browser, as that makes such protections stricter.",
		LookedFor:         lookedWeb,
		Found:             "{final_url} answered with status {status} from {product} (not from your site).",
		Fixes: []string{
			"In the settings of {product} add a rule that lets requests for {path} through.",
			"Or use the DNS TXT method, which the protection does not touch.",
		},
		Otherwise:     "Add a rule to the protection that lets the path of the proof, or the user agent of this service, through.",
		SeeItYourself: curlHead,
	},
	{
		Code:              "http_geo_blocked", // F65
		WhoActs:           Owner,
		RetryAfterSeconds: 600,
		Title:             "The site refuses the place from which the check comes",
		Meaning:           "The site answers others and refuses us: it blocks by country or network, or has counted too many requests. Visitors elsewhere may not notice anything.",
		LookedFor:         lookedWeb,
		Found:             "{final_url} answered with status {status} here. {detail}",
		Fixes: []string{
			"Exempt the path {path} from the block.",
			"Or use the DNS TXT method.",
		},
		Otherwise:     "Exempt the path of the proof from blocking by country and from rate limits.",
		SeeItYourself: curlHead,
	},
	{
		Code:              "http_dot_path_blocked", // F66
		WhoActs:           Owner,
		RetryAfterSeconds: 60,
		Title:             "The server does not serve paths that begin with a dot",
		Meaning:           "The file lies in a folder whose name begins with a dot, such as .well-known. Some servers and site builders hide or refuse all such folders.",
		LookedFor:         lookedFile,
		Found:             "{final_url} answered with status {status} (other paths work).",
		Fixes: []string{
			"Allow the folder /.well-known/ in the settings of the server (nginx: a location for it before the rule that denies dot files).",
			"Or use the meta tag or the DNS TXT method.",
		},
		SeeItYourself: curlURL,
	},
	{
		Code:              "http_default_page", // F67
		WhoActs:           Owner,
		RetryAfterSeconds: 60,
		Title:             "Not your site answers but a default page",
		Meaning:           "The answer is the start page of a web server, a hosting panel or a router. The name leads to the right machine at most; the site for this name is not set up there, or the port is not forwarded.",
		LookedFor:         lookedWeb,
		Found:             `{final_url} shows the default page of {product} (not your site).`,
		Fixes: []string{
			"Set up a virtual host for {domain} on the web server.",
		},
		Otherwise:     "Set up the site for this name on the server, or correct the port forwarding or the address in the DNS.",
		SeeItYourself: curlURL,
	},
	{
		Code:              "http_site_unpublished", // F68
		WhoActs:           Owner,
		RetryAfterSeconds: 60,
		Title:             "The site is not published yet, or is in maintenance",
		Meaning:           "A page such as “coming soon” or “under maintenance” answers for every address of the site. The file or tag cannot be seen behind it.",
		LookedFor:         lookedWeb,
		Found:             "{final_url} answered with status {status} and such a page.",
		Fixes: []string{
			"Publish the site, or end the maintenance mode, and check again.",
			"Or use the DNS TXT method, which needs no web site.",
		},
		SeeItYourself: curlHead,
	},
	{
		Code:              "http_server_error",
		WhoActs:           WebHost,
		RetryAfterSeconds: 120,
		Title:             "The web server reports an error of its own",
		Meaning:           "The server answered with a status of 500 or above, or another one that neither shows the file nor says that it is missing. What it would serve could not be learnt.",
		LookedFor:         lookedWeb,
		Found:             "{final_url} answered with status {status} instead of 200.",
		Fixes: []string{
			"Look into the error log of the web server, or of the application behind it.",
			"Let the web server answer {path} itself, without the application.",
		},
		SeeItYourself: curlURL,
	},
	{
		Code:              "http_alias_dangling",
		Severity:          SeverityError,
		WhoActs:           Owner,
		RetryAfterSeconds: 0,
		Title:             "The host is an alias of a name that anybody can claim",
		Meaning:           "The CNAME record of the host leads to a name that nobody uses. Whoever claims that name, at a hosting platform or by registering it, serves this host from then on, and could prove it as well. While that is so, no proof on the web site counts, and one that was there is taken as gone.",
		LookedFor:         "A site behind {domain} that its owner controls",
		Found:             "{domain} is an alias of {target} (nobody's). {detail}",
		Fixes: []string{
			"Remove the CNAME record of {domain} if the site is gone.",
			"Or claim {target} at the platform again.",
		},
		Otherwise:     "Remove the CNAME record of the host if the site is gone.",
		SeeItYourself: "dig +short CNAME {domain}",
	},
	{
		Code:              "http_alias_elsewhere",
		Severity:          SeverityInfo,
		WhoActs:           Nobody,
		RetryAfterSeconds: 0,
		Title:             "The host is served under a name in another domain",
		Meaning:           "The CNAME record of the host leads into another domain, as it does with many hosting platforms. The proof is about this one host, and ends when whoever holds the other name changes it.",
		LookedFor:         "A site behind {domain}",
		Found:             "{domain} is an alias of {target} (in another domain).",
		Fixes: []string{
			"Nothing has to be done. Prove the domain by DNS TXT if the proof should not depend on that platform.",
		},
		SeeItYourself: "dig +short CNAME {domain}",
	},
}
