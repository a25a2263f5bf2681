package testnet_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/zonehold/zonehold/testnet"
)

func askAPI(t *testing.T, h http.Handler, path string, header ...string) (int, string) {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "http://api.example.com"+path, http.NoBody)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	body, err := io.ReadAll(w.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Code, string(body)
}

// Nobody gets at the zones without a signature; what a right one is, is tested
// with the SDK in internal/provider/route53.
func TestRoute53WantsSignatures(t *testing.T) {
	aws := testnet.NewRoute53().AddKey(testnet.Route53Key{ID: "AKIAEXAMPLE", Secret: "secret"})
	aws.AddZone(testnet.Route53Zone{Name: "example.com"})
	const list = "/2013-04-01/hostedzone"
	scope := func(id string) string {
		return "AWS4-HMAC-SHA256 Credential=" + id + "/20261121/us-east-1/route53/aws4_request, SignedHeaders=host;x-amz-date, Signature=00"
	}
	for _, tt := range []struct {
		auth, date, code string
	}{
		{"", "", "MissingAuthenticationToken"},
		{"Bearer x", "", "MissingAuthenticationToken"},
		{"AWS4-HMAC-SHA256 Credential=x", "", "SignatureDoesNotMatch"},
		{strings.Replace(scope("AKIAEXAMPLE"), "us-east-1", "eu-west-1", 1), "", "SignatureDoesNotMatch"},
		{scope("AKIAUNKNOWN"), "", "InvalidClientTokenId"},
		{scope("AKIAEXAMPLE"), "", "SignatureDoesNotMatch"},
		{scope("AKIAEXAMPLE"), "20150830T123600Z", "SignatureDoesNotMatch"},
	} {
		status, body := askAPI(t, aws, list, "Authorization", tt.auth, "X-Amz-Date", tt.date)
		if status != 403 || !strings.Contains(body, "<Code>"+tt.code+"</Code>") || strings.Contains(body, "example.com") {
			t.Errorf("%q: %d %s", tt.auth, status, body)
		}
	}
	if n := len(aws.Calls()); n != 7 {
		t.Errorf("%d calls", n)
	}
}

func TestCloudflareAnswers(t *testing.T) {
	const token = "YQSn-xWAQiiEh9qM58wZNnyQS7FUdoqGIUAbrh7T"
	cf := testnet.NewCloudflare().AddToken(testnet.CloudflareToken{Value: token})
	cf.AddZone(testnet.CloudflareZone{Name: "example.com", NameServers: []string{"ada.ns.cloudflare.com"}})
	gone := cf.AddZone(testnet.CloudflareZone{Name: "example.net"})
	cf.RemoveZone(gone.ID)
	cf.AddZone(testnet.CloudflareZone{Name: "example.org", Account: "another"})
	for _, tt := range []struct {
		path, auth string
		status     int
		want       string
	}{
		{"/client/v4/zones?name=example.com", "Bearer " + token, 200, `"result":[{"id":"00000000000000000000000000000001","name":"example.com","status":"active","paused":false,"type":"full","name_servers":["ada.ns.cloudflare.com"],"original_name_servers":null}],"result_info":{"page":1,"per_page":20,"total_pages":1,"count":1,"total_count":1},"success":true,"errors":[],"messages":[]`},
		{"/client/v4/zones?name=example.net", "Bearer " + token, 200, `"result":[],"result_info":{"page":1,"per_page":20,"total_pages":0,"count":0,"total_count":0}`},
		{"/zones?name=example.org", "Bearer " + token, 200, `"result":[]`},
		{"/zones?per_page=500", "Bearer " + token, 400, `"success":false`},
		{"/zones?page=0", "Bearer " + token, 400, `"success":false`},
		{"/zones", "", 400, `"code":6003`},
		{"/zones", "Bearer " + token + "x", 403, `"code":9109`},
		{"/user/tokens/verify", "Bearer " + token, 200, `"status":"active"`},
		{"/user/tokens/verify", "Bearer " + token + "x", 401, `"code":1000`},
		{"/accounts", "Bearer " + token, 404, `"code":7003`},
	} {
		status, body := askAPI(t, cf, tt.path, "Authorization", tt.auth)
		if status != tt.status || !strings.Contains(body, tt.want) {
			t.Errorf("%s: %d %s", tt.path, status, body)
		}
	}
}

// A provider at its own address in the fake internet.
func ExampleCloudflare() {
	n, err := testnet.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer n.Close()

	cf := testnet.NewCloudflare().AddToken(testnet.CloudflareToken{Value: "YQSn-xWAQiiEh9qM58wZNnyQS7FUdoqGIUAbrh7T"})
	zone := cf.AddZone(testnet.CloudflareZone{Name: "example.com"})
	n.Host("api.cloudflare.com").Handle("", cf)

	var servers []testnet.NS
	for _, name := range zone.NameServers {
		servers = append(servers, testnet.NS{Name: name + ".", Addrs: []string{"45.1.2.3"}})
	}
	n.Zone("example.com").Delegate(servers...)
	fmt.Println(zone.Name, "is delegated to", zone.NameServers)
	// Output: example.com is delegated to [bob.ns.cloudflare.com ian.ns.cloudflare.com]
}
