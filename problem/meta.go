package problem

var meta = []Entry{
	{
		Code:              "meta_in_body", // F79
		WhoActs:           Owner,
		RetryAfterSeconds: 60,
		Title:             "The meta tag is in the body of the page",
		Meaning:           "The tag is in the page, but not in its head. Only the head is under the control of the site's owner; visitors can often write into the body, so a tag there proves nothing.",
		LookedFor:         lookedMeta,
		Found:             "The right tag stands inside {where} (not in the head).",
		Fixes: []string{
			"Move the tag between <head> and </head> in the template of the page.",
			"In a site builder, use the field for code in the head, not a text or HTML block of the page.",
		},
		SeeItYourself: "curl -g -sS {url} | grep -n -i -e '<body' -e '<meta' -e '</head'",
	},
	{
		Code:              "meta_head_closed_early", // F80
		WhoActs:           Owner,
		RetryAfterSeconds: 60,
		Title:             "Something before the meta tag ends the head of the page",
		Meaning:           "In the source the tag stands before </head>, but an element or text that cannot be in a head comes first. Browsers, and we, then end the head at that place, and the tag falls into the body (HTML standard, section 13.2.6.4.4).",
		LookedFor:         lookedMeta,
		Found:             `The head ends at "{got}" (before the tag). {detail}`,
		Fixes: []string{
			"Put the tag straight after <head>, before everything else.",
			"Remove the text, image or <p> that stands in the head.",
		},
		SeeItYourself: "curl -g -sS {url} | grep -n -i -e '<head' -e '<meta' -e '<img' -e '<p' -e '</head'",
	},
	{
		Code:              "meta_needs_javascript", // F81
		WhoActs:           Owner,
		RetryAfterSeconds: 60,
		Title:             "The meta tag is added by a script",
		Meaning:           "The page that the server sends does not have the tag; a script or a tag manager adds it in the browser. Scripts are not run by the check.",
		LookedFor:         lookedMeta,
		Found:             "The page as the server sends it has no such tag. It is built by scripts ({product}).",
		Fixes: []string{
			"Put the tag into the HTML that the server sends (the index.html of the application, or its server-side rendering).",
			"Or use the DNS TXT or the file method.",
		},
		SeeItYourself: "curl -g -sS {url} | grep -i '<meta'",
	},
	{
		Code:              "meta_in_comment_or_template", // F82
		WhoActs:           Owner,
		RetryAfterSeconds: 60,
		Title:             "The meta tag is there but switched off",
		Meaning:           "The tag stands in a comment, in a template, in noscript or in the title. There it is text, not a tag.",
		LookedFor:         lookedMeta,
		Found:             "The right tag stands inside {where} (where it has no effect).",
		Fixes: []string{
			"Take the tag out of {where} and put it straight into the head.",
		},
		Otherwise:     "Put the tag straight into the head, outside of comments, templates and noscript.",
		SeeItYourself: "curl -g -sS {url} | grep -n -i -B2 -A2 '<meta'",
	},
	{
		Code:              "meta_on_other_page", // F83
		WhoActs:           Owner,
		RetryAfterSeconds: 60,
		Title:             "The meta tag is on another page",
		Meaning:           "The tag was found on an inner page or on the page of one language, and not on the home page. Only the home page speaks for the whole site.",
		LookedFor:         lookedMeta,
		Found:             "The right tag is on {where} (and not on the home page).",
		Fixes: []string{
			"Put the tag on the home page {url} as well.",
		},
		Otherwise:     "Put the tag into the head of the home page.",
		SeeItYourself: "curl -g -sS {url} | grep -i '<meta'",
	},
	{
		Code:              "meta_attribute_wrong", // F84
		WhoActs:           Owner,
		RetryAfterSeconds: 60,
		Title:             "The meta tag has a wrong attribute",
		Meaning:           "A tag with the right value is in the head, but the attributes differ: property in place of name, value in place of content, or a slip in the name. Only the exact form of the tag counts.",
		LookedFor:         lookedMeta,
		Found:             `The tag in the page is {got} (attributes differ).`,
		Fixes: []string{
			"Replace the tag by exactly this line: {detail}",
		},
		Otherwise:     "Replace the tag by exactly the line that is shown with the challenge.",
		SeeItYourself: "curl -g -sS {url} | grep -i '<meta'",
	},
	{
		Code:              "meta_value_quoted", // F85
		WhoActs:           Owner,
		RetryAfterSeconds: 60,
		Title:             "The content of the meta tag has quote marks inside",
		Meaning:           "An editor turned the quote marks of the tag into curly ones or into &quot;, and they became part of the content. The content is then another one.",
		LookedFor:         lookedMeta,
		Found:             `The content of the tag is "{got}" with the quote marks as part of it.`,
		Fixes: []string{
			"Enter the tag in the code view of the editor, with straight quote marks.",
			"If a plug-in has a field for the code, enter only {expected} there, not the whole tag.",
		},
		SeeItYourself: "curl -g -sS {url} | grep -i '<meta'",
	},
	{
		Code:              "meta_page_redirects_away", // F86
		WhoActs:           Owner,
		RetryAfterSeconds: 60,
		Title:             "The home page leads to another site",
		Meaning:           "The home page redirects to another host, so its own tags cannot be seen. The tags of the other site speak for that one only.",
		LookedFor:         lookedMeta,
		Found:             "The home page redirects to {final_url} (another host).",
		Fixes: []string{
			"Claim the host that shows the page: {target}",
			"Or use the DNS TXT method for {domain} instead.",
			"Or let the home page answer with status 200 without a redirect.",
		},
		SeeItYourself: curlHead,
	},
	{
		Code:              "meta_beyond_size_limit", // F87
		WhoActs:           Owner,
		RetryAfterSeconds: 60,
		Title:             "The head of the page is longer than what is read",
		Meaning:           "The page is read up to a limit, and the head had not ended there. A tag further down cannot be seen.",
		LookedFor:         lookedMeta,
		Found:             "No such tag is in the first {count} bytes of the page.",
		Fixes: []string{
			"Put the tag straight after <head>, before styles and scripts.",
		},
		SeeItYourself: "curl -g -sS {url} | grep -b -i '<meta'",
	},
	{
		Code:              "meta_missing",
		WhoActs:           Owner,
		RetryAfterSeconds: 60,
		Title:             "The meta tag is not on the home page",
		Meaning:           "The home page was read, and there is no tag of that name, neither in the head nor elsewhere in what the server sends. The tag was not added yet, not published, or is on another page.",
		LookedFor:         lookedMeta,
		Found:             "{final_url} has no such tag.",
		Fixes: []string{
			"Add this line between <head> and </head> of the home page: {detail}",
			"If the site has a cache, purge it.",
		},
		Otherwise:     "Add the tag that is shown with the challenge to the head of the home page, and publish the page.",
		SeeItYourself: "curl -g -sS {url} | grep -i '<meta'",
	},
	{
		Code:              "meta_value_mismatch",
		WhoActs:           Owner,
		RetryAfterSeconds: 60,
		Title:             "The meta tag has another content",
		Meaning:           "A tag of the right name is in the head, and its content is not the one of this claim. Several tags of the same name may stand side by side.",
		LookedFor:         lookedMeta,
		Found:             `The content of the tag is "{got}" instead.`,
		Fixes: []string{
			"Add a second tag, or change the content, so that it is {expected}",
		},
		Otherwise:     "Change the content of the tag to the one that is shown with the challenge.",
		SeeItYourself: "curl -g -sS {url} | grep -i '<meta'",
	},
}
