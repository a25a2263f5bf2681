package webmaster

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/zonehold/zonehold"
)

// BenchmarkVerification is what the dialect itself costs: a GET of a
// verification status over HTTP from a service that answers from memory, next
// to a bare handler that returns the same bytes.
func BenchmarkVerification(b *testing.B) {
	s, h := world(b, Config{RequestsPerMinute: 1 << 30})
	failed(s.add("http", "example.com", 80), zonehold.MethodDNSTXT, zonehold.OutcomeAbsent, &dnsProblem)
	body := []byte(bodyOf(b, send(b, h, request("GET", onHost+"/verification", "", authHeader))))
	bare := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", typeJSON)
		w.Write(body)
	})
	for _, side := range []struct {
		name    string
		handler http.Handler
	}{{"bare", bare}, {"dialect", h}} {
		b.Run(side.name, func(b *testing.B) {
			srv := httptest.NewServer(side.handler)
			defer srv.Close()
			client := srv.Client()
			client.Transport.(*http.Transport).MaxIdleConnsPerHost = 64
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					req, err := http.NewRequest(http.MethodGet, srv.URL+onHost+"/verification", nil)
					if err != nil {
						b.Error(err)
						return
					}
					req.Header.Set("Authorization", "OAuth "+tokenAll)
					resp, err := client.Do(req)
					if err != nil {
						b.Error(err)
						return
					}
					n, err := io.Copy(io.Discard, resp.Body)
					resp.Body.Close()
					if err != nil || n != int64(len(body)) {
						b.Errorf("%d bytes, %v", n, err)
						return
					}
				}
			})
		})
	}
}

// BenchmarkServe is the handler without the network around it.
func BenchmarkServe(b *testing.B) {
	s, h := world(b, Config{})
	failed(s.add("http", "example.com", 80), zonehold.MethodDNSTXT, zonehold.OutcomeAbsent, &dnsProblem)
	r := httptest.NewRequest(http.MethodGet, onHost+"/verification", nil)
	r.Header.Set("Authorization", "OAuth "+tokenAll)
	b.ReportAllocs()
	for b.Loop() {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			b.Fatal(w.Code)
		}
	}
}
