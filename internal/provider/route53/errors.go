package route53

import (
	"context"
	"errors"
	"fmt"
	"net"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/probe"
	"github.com/zonehold/zonehold/probe/web"
)

// credentialErrors are the codes of AWS that mean the access key, with what
// they say in plain words (Route 53 API reference, common errors).
var credentialErrors = map[string]string{
	"InvalidClientTokenId":        "AWS does not know the access key, or the session token is not of it",
	"UnrecognizedClientException": "AWS does not know the access key, or the session token is not of it",
	"InvalidAccessKeyId":          "AWS does not know the access key",
	"NotSignedUp":                 "the AWS account is not signed up for Route 53",
	"OptInRequired":               "the AWS account is not signed up for Route 53",
	"SignatureDoesNotMatch":       "the secret access key does not belong to the access key",
	"InvalidSignatureException":   "the secret access key does not belong to the access key",
	"IncompleteSignature":         "the secret access key does not belong to the access key",
	"MissingAuthenticationToken":  "AWS saw no access key",
	"ExpiredToken":                "the session token has expired",
	"ExpiredTokenException":       "the session token has expired",
	"TokenRefreshRequired":        "the session token has expired",
}

// throttled are the codes that ask for fewer requests.
var throttled = map[string]bool{
	"Throttling": true, "ThrottlingException": true, "ThrottledException": true, "TooManyRequestsException": true,
	"RequestLimitExceeded": true, "SlowDown": true, "PriorRequestNotComplete": true, "RequestThrottled": true,
}

var plainCode = regexp.MustCompile(`^[A-Za-z0-9.]{1,64}$`)

// final spares requests whose failure will be the same a moment later.
func final(err error) aws.Ternary {
	for _, e := range []error{errNotAPI, web.ErrBodyTooLarge, web.ErrURL, probe.ErrForbidden} {
		if errors.Is(err, e) {
			return aws.FalseTernary
		}
	}
	return aws.UnknownTernary
}

// explain says in our own words why an action failed. What AWS wrote is never
// repeated, as it may name the access key; nor is the transport's own error,
// which may name addresses inside.
func explain(action string, err error) error {
	var api smithy.APIError
	if errors.As(err, &api) {
		code := api.ErrorCode()
		text := strings.ToLower(api.ErrorMessage())
		reason, bad := credentialErrors[code]
		switch {
		case code == "SignatureDoesNotMatch" && (strings.Contains(text, "signature expired") || strings.Contains(text, "not yet current")),
			code == "RequestExpired", code == "RequestTimeTooSkewed":
			return fmt.Errorf("%w: AWS says that the clock of this service is wrong", zonehold.ErrProviderUnavailable)
		case bad:
			return fmt.Errorf("%w: %s", zonehold.ErrProviderCredentials, reason)
		case strings.HasPrefix(code, "AccessDenied"):
			return fmt.Errorf("%w: the access key is not allowed route53:%s", zonehold.ErrProviderCredentials, action)
		case throttled[code]:
			return fmt.Errorf("%w: AWS asks for fewer requests", zonehold.ErrProviderUnavailable)
		}
	}
	return fmt.Errorf("%w: %s", zonehold.ErrProviderUnavailable, outage(err, api))
}

// outage says why there was no usable answer.
func outage(err error, api smithy.APIError) string {
	var answer *smithyhttp.ResponseError
	status := 0
	if errors.As(err, &answer) && answer.Response != nil {
		status = answer.HTTPStatusCode()
	}
	var timeout net.Error
	switch {
	case errors.Is(err, context.Canceled):
		return "the request was cancelled"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "AWS does not answer in time"
	case errors.Is(err, web.ErrBodyTooLarge):
		return "the answer is larger than any that AWS gives"
	case errors.Is(err, probe.ErrForbidden), errors.Is(err, web.ErrURL):
		return "the endpoint is at an address that may not be asked"
	case status >= 300:
		if api != nil && api.ErrorCode() != "UnknownError" && plainCode.MatchString(api.ErrorCode()) {
			return fmt.Sprintf("AWS answers with status %d, %s", status, api.ErrorCode())
		}
		return fmt.Sprintf("AWS answers with status %d", status)
	case status != 0, errors.Is(err, errNotAPI):
		return "the answer is not one of the Route 53 API"
	}
	return "no connection to AWS"
}
