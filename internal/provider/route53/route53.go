// Package route53 looks at the hosted zones of accounts at Amazon Route 53.
//
// An access key needs two actions, on all resources, and should have no
// others:
//
//	route53:ListHostedZones
//	route53:GetHostedZone
//
// Finding the names of a zone, where somebody wants that, needs
// route53:ListResourceRecordSets besides.
//
// Which name servers belong to a zone is taken from its delegation set, which
// AWS assigns. The NS records of a zone prove nothing: whoever creates a zone
// "example.com" in an account of his own can write any servers into them.
package route53

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/zonehold/zonehold"
)

const (
	// total is for all requests of one call together.
	total = 10 * time.Second

	pageSize    = 100 // zones; the most that AWS gives
	maxPages    = 50
	maxSameName = 20
	maxServers  = 32
	attempts    = 3
	maxBackoff  = 500 * time.Millisecond

	// region of the one endpoint that Route 53 has in the ordinary partition.
	region = "us-east-1"
)

// Doer makes HTTP requests, as a *http.Client does.
type Doer interface {
	Do(*http.Request) (*http.Response, error)
}

// Config of a Provider.
type Config struct {
	// HTTP makes the requests: a client of web.NewAPIClient, so that the guard
	// and the limits apply.
	HTTP Doer
	// Endpoint is the base URL in place of AWS's own; "" for that one. The
	// environment is not read here.
	Endpoint string
}

// Provider opens accounts.
type Provider struct{ cfg Config }

// New returns a provider. It contacts nobody.
func New(cfg Config) *Provider { return &Provider{cfg: cfg} }

// The names of the credentials.
const (
	AccessKeyID     = "access_key_id"
	SecretAccessKey = "secret_access_key"
	SessionToken    = "session_token" // of a temporary key only
)

// shape bounds a credential. It catches what was pasted wrongly; whether a key
// is right only AWS can tell.
type shape struct {
	chars string
	most  int
}

const (
	letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_"
	least   = 4
)

var shapes = map[string]shape{
	AccessKeyID:     {letters, 128}, // IAM API reference, AccessKey
	SecretAccessKey: {letters + "/+=.-", 256},
	SessionToken:    {letters + "/+=.-", 4096},
}

func (s shape) fits(value string) bool {
	return len(value) >= least && len(value) <= s.most && strings.Trim(value, s.chars) == ""
}

// Account is an account at AWS, seen through one access key. It is safe for
// concurrent use.
type Account struct {
	id, name string
	api      *route53.Client
}

// Open makes an account, under an id and a name of ours, of its credentials:
// access_key_id, secret_access_key and, of a temporary key, session_token.
// They come from nowhere else. It contacts nobody; see Test.
//
// The error is zonehold.ErrProviderCredentials, wrapped with what is wrong
// with the shape of a credential; it never repeats one.
func (p *Provider) Open(id, name string, creds map[string]string) (*Account, error) {
	clean := make(map[string]string, len(creds))
	for key, value := range creds {
		shape, ok := shapes[key]
		value = strings.TrimSpace(value)
		switch {
		case !ok:
			return nil, fmt.Errorf("%w: the members are %s, %s and, of a temporary key, %s", zonehold.ErrProviderCredentials, AccessKeyID, SecretAccessKey, SessionToken)
		case value == "":
		case !shape.fits(value):
			return nil, fmt.Errorf("%w: the form of %s is not right", zonehold.ErrProviderCredentials, key)
		default:
			clean[key] = value
		}
	}
	for _, key := range []string{AccessKeyID, SecretAccessKey} {
		if clean[key] == "" {
			return nil, fmt.Errorf("%w: there is no %s", zonehold.ErrProviderCredentials, key)
		}
	}
	opts := route53.Options{
		Region:      region,
		HTTPClient:  apiOnly{p.cfg.HTTP},
		Credentials: credentials.NewStaticCredentialsProvider(clean[AccessKeyID], clean[SecretAccessKey], clean[SessionToken]),
		Retryer: retry.NewStandard(func(o *retry.StandardOptions) {
			o.MaxAttempts, o.MaxBackoff = attempts, maxBackoff
			o.Retryables = append([]retry.IsErrorRetryable{retry.IsErrorRetryableFunc(final)}, o.Retryables...)
		}),
	}
	if p.cfg.Endpoint != "" {
		opts.BaseEndpoint = aws.String(p.cfg.Endpoint)
	}
	return &Account{id: id, name: name, api: route53.New(opts)}, nil
}

// apiOnly lets nothing pass for an answer of the API that is not one: to the
// SDK the sign-in page of some network is a list without zones.
type apiOnly struct{ client Doer }

var errNotAPI = errors.New("not an answer of the API")

// Do makes one request and reads its answer, which the client bounds.
func (c apiOnly) Do(req *http.Request) (*http.Response, error) {
	resp, err := c.client.Do(req)
	if err != nil || resp.StatusCode < 200 || resp.StatusCode > 299 {
		return resp, err
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil {
		return nil, fmt.Errorf("reading the answer: %w", err)
	}
	var root struct{ XMLName xml.Name }
	if xml.Unmarshal(body, &root) != nil || !strings.HasSuffix(root.XMLName.Local, "Response") {
		return nil, errNotAPI
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}

// Provider is what this is an account at.
func (*Account) Provider() zonehold.Method { return zonehold.MethodAWSRoute53 }

// ID is the one that Open was given.
func (a *Account) ID() string { return a.id }

// Name is the one that Open was given.
func (a *Account) Name() string { return a.name }

// Test asks whether credentials are good for what Account.Zones does: it lists
// the first zone and looks at it. The hint is the end of the access key's id,
// which is no secret. Errors are those of Open and Zones.
func (p *Provider) Test(ctx context.Context, creds map[string]string) (hint string, err error) {
	a, err := p.Open("", "", creds)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, total)
	defer cancel()
	out, err := a.api.ListHostedZones(ctx, &route53.ListHostedZonesInput{MaxItems: aws.Int32(1)})
	if err != nil {
		return "", explain("ListHostedZones", err)
	}
	for i := range out.HostedZones[:min(len(out.HostedZones), 1)] {
		if z, ok := hosted(&out.HostedZones[i]); ok {
			if _, _, err = a.delegationSet(ctx, z.ID); err != nil {
				return "", err
			}
		}
	}
	id := strings.TrimSpace(creds[AccessKeyID])
	return id[len(id)-least:], nil
}

// Zones lists the account's zones of exactly these names, private ones too;
// several may have the same name. It asks for at most ten seconds.
//
// Errors are zonehold.ErrProviderCredentials or
// zonehold.ErrProviderUnavailable, wrapped with the reason.
func (a *Account) Zones(ctx context.Context, names []string) ([]zonehold.HostedZone, error) {
	ctx, cancel := context.WithTimeout(ctx, total)
	defer cancel()
	listed, err := a.list(ctx, names)
	if err != nil {
		return nil, err
	}
	zones := make([]zonehold.HostedZone, 0, len(listed))
	for _, z := range listed {
		if !z.Private {
			servers, found, err := a.delegationSet(ctx, z.ID)
			if err != nil {
				return nil, err
			}
			if !found {
				continue // removed since it was listed
			}
			z.NameServers = servers
		}
		zones = append(zones, z)
	}
	return zones, nil
}

// list goes through all pages; the API knows no filter that the action
// route53:ListHostedZones allows.
func (a *Account) list(ctx context.Context, names []string) ([]zonehold.HostedZone, error) {
	var zones []zonehold.HostedZone
	in := &route53.ListHostedZonesInput{MaxItems: aws.Int32(pageSize)}
	for range maxPages {
		out, err := a.api.ListHostedZones(ctx, in)
		if err != nil {
			return nil, explain("ListHostedZones", err)
		}
		for i := range out.HostedZones {
			z, ok := hosted(&out.HostedZones[i])
			if !ok || !slices.Contains(names, z.Name) {
				continue
			}
			if zones = append(zones, z); len(zones) > maxSameName {
				return nil, fmt.Errorf("%w: the account has more than %d zones of these names", zonehold.ErrProviderUnavailable, maxSameName)
			}
		}
		if !out.IsTruncated {
			return zones, nil
		}
		next := aws.ToString(out.NextMarker)
		if next == "" || next == aws.ToString(in.Marker) {
			return nil, fmt.Errorf("%w: the list of zones goes on, but not where", zonehold.ErrProviderUnavailable)
		}
		in.Marker = aws.String(next)
	}
	return nil, fmt.Errorf("%w: the account has more than %d zones", zonehold.ErrProviderUnavailable, maxPages*pageSize)
}

var zoneID = regexp.MustCompile(`^[A-Z0-9]{1,32}$`)

func hosted(z *types.HostedZone) (zonehold.HostedZone, bool) {
	id := strings.TrimPrefix(aws.ToString(z.Id), "/hostedzone/")
	out := zonehold.HostedZone{ID: id, Name: domainName(aws.ToString(z.Name)), Active: true, Status: "public"}
	if z.Config != nil && z.Config.PrivateZone {
		out.Private, out.Status = true, "private"
	}
	return out, zoneID.MatchString(id)
}

// delegationSet asks for the name servers that AWS assigned to a zone: none
// for a private one. It reports false for a zone that is not there.
func (a *Account) delegationSet(ctx context.Context, id string) ([]string, bool, error) {
	out, err := a.api.GetHostedZone(ctx, &route53.GetHostedZoneInput{Id: aws.String(id)})
	var gone *types.NoSuchHostedZone
	if errors.As(err, &gone) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, explain("GetHostedZone", err)
	}
	if out.DelegationSet == nil {
		return nil, true, nil
	}
	set := out.DelegationSet.NameServers
	if len(set) > maxServers {
		return nil, false, fmt.Errorf("%w: a zone with %d name servers", zonehold.ErrProviderUnavailable, len(set))
	}
	servers := make([]string, 0, len(set))
	for _, s := range set {
		servers = append(servers, domainName(s))
	}
	return servers, true, nil
}

// domainName is a name as we compare it: lower case, no final dot.
func domainName(s string) string { return strings.ToLower(strings.TrimSuffix(s, ".")) }
