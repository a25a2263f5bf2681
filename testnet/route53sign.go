package testnet

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// authenticate checks a request the way AWS does: Signature Version 4 in the
// Authorization header, made not longer than five minutes ago.
func (s *Route53) authenticate(r *http.Request) (Route53Key, *route53Error) {
	rest, ok := strings.CutPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 ")
	if !ok {
		return Route53Key{}, &route53Error{403, "MissingAuthenticationToken", "Missing Authentication Token"}
	}
	part := make(map[string]string)
	for p := range strings.SplitSeq(rest, ",") {
		k, v, _ := strings.Cut(strings.TrimSpace(p), "=")
		part[k] = v
	}
	scope := strings.Split(part["Credential"], "/") // id, date, region, service, aws4_request
	if len(scope) != 5 || scope[2] != "us-east-1" || scope[3] != "route53" || scope[4] != "aws4_request" {
		return Route53Key{}, &route53Error{403, "SignatureDoesNotMatch", "Credential should be scoped to a valid region and the service 'route53'."}
	}
	s.mu.Lock()
	key, ok := s.keys[scope[0]]
	s.mu.Unlock()
	if !ok || key.Session != r.Header.Get("X-Amz-Security-Token") {
		return key, &route53Error{403, "InvalidClientTokenId", "The security token included in the request is invalid."}
	}
	made, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	if age := time.Since(made); err != nil || age > 5*time.Minute || age < -5*time.Minute || made.Format("20060102") != scope[1] {
		return key, &route53Error{403, "SignatureDoesNotMatch", "Signature expired: " + r.Header.Get("X-Amz-Date") + " is now earlier than the limit (5 min.)"}
	}
	want := signature4(key.Secret, scope, r, strings.Split(part["SignedHeaders"], ";"))
	if !hmac.Equal([]byte(want), []byte(part["Signature"])) {
		return key, &route53Error{403, "SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."}
	}
	if key.Expired {
		return key, &route53Error{403, "ExpiredToken", "The security token included in the request is expired"}
	}
	return key, nil
}

// signature4 is the signature that a request with the secret has to bear (AWS
// documentation, "Create a signed AWS API request").
func signature4(secret string, scope []string, r *http.Request, signed []string) string {
	if !slices.Contains(signed, "host") || !slices.Contains(signed, "x-amz-date") {
		return ""
	}
	body, _ := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	var canonical strings.Builder
	canonical.WriteString(r.Method + "\n" + r.URL.EscapedPath() + "\n" + canonicalQuery(r.URL.Query()) + "\n")
	for _, name := range signed {
		value := strings.Join(r.Header.Values(name), ",")
		if name == "host" {
			value = r.Host
		}
		canonical.WriteString(name + ":" + strings.Join(strings.Fields(value), " ") + "\n")
	}
	canonical.WriteString("\n" + strings.Join(signed, ";") + "\n" + sum256(body))
	toSign := "AWS4-HMAC-SHA256\n" + r.Header.Get("X-Amz-Date") + "\n" + strings.Join(scope[1:], "/") + "\n" + sum256([]byte(canonical.String()))
	key := []byte("AWS4" + secret)
	for _, step := range append(slices.Clone(scope[1:]), toSign) {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(step))
		key = mac.Sum(nil)
	}
	return hex.EncodeToString(key)
}

func sum256(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// canonicalQuery is sorted, with spaces as %20.
func canonicalQuery(q url.Values) string {
	return strings.ReplaceAll(q.Encode(), "+", "%20")
}
