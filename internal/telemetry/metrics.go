package telemetry

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics are the figures of the process. Its methods are those that package
// app asks of an observer.
type Metrics struct {
	registry *prometheus.Registry

	attempts    *prometheus.CounterVec
	checkTime   *prometheus.HistogramVec
	waitTime    prometheus.Histogram
	queued      prometheus.Gauge
	running     prometheus.Gauge
	requests    *prometheus.CounterVec
	requestTime *prometheus.HistogramVec
	inFlight    prometheus.Gauge
	life        lifecycle
	sent        deliveries

	mu     sync.RWMutex
	series map[seriesKey]series // resolved children of requests and requestTime
}

type seriesKey struct {
	route, method string
	status        int
}

type series struct {
	count prometheus.Counter
	time  prometheus.Observer
}

// maxSeries bounds the table of resolved series; routes and methods are few.
const maxSeries = 2000

// NewMetrics makes a registry of its own with the Go and process collectors.
func NewMetrics(version string) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "zonehold_verification_attempts_total", Help: "Finished checks.",
		}, []string{"method", "outcome"}),
		checkTime: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "zonehold_verification_duration_seconds", Help: "How long a check took.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60},
		}, []string{"method"}),
		waitTime: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "zonehold_verification_wait_seconds", Help: "How long a check waited for a worker.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 5, 30, 300},
		}),
		queued: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "zonehold_attempts_queued", Help: "Checks in the database that wait for a worker.",
		}),
		running: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "zonehold_attempts_running", Help: "Checks in the database that run.",
		}),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "zonehold_http_requests_total", Help: "Answered HTTP requests.",
		}, []string{"route", "method", "status"}),
		requestTime: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "zonehold_http_request_duration_seconds", Help: "How long an HTTP request took.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 5, 30, 60},
		}, []string{"route", "method"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "zonehold_http_requests_in_flight", Help: "HTTP requests being answered.",
		}),
		series: map[seriesKey]series{},
	}
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "zonehold_build_info", Help: "Always 1; the labels say what runs.",
		ConstLabels: prometheus.Labels{"version": version, "go_version": runtime.Version()},
	})
	info.Set(1)
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		m.attempts, m.checkTime, m.waitTime, m.queued, m.running, m.requests, m.requestTime, m.inFlight, info)
	m.life.register(m.registry)
	m.sent.register(m.registry)
	return m
}

// Registry is where further collectors are registered.
func (m *Metrics) Registry() prometheus.Registerer { return m.registry }

// AttemptStarted counts the wait for a worker.
func (m *Metrics) AttemptStarted(waited time.Duration) {
	m.waitTime.Observe(max(waited, 0).Seconds())
}

// AttemptFinished counts a check; a canceled one has no outcome.
func (m *Metrics) AttemptFinished(method, outcome string, took time.Duration) {
	if method == "" {
		method = "any"
	}
	if outcome == "" {
		outcome = "canceled"
	}
	m.attempts.WithLabelValues(method, outcome).Inc()
	m.checkTime.WithLabelValues(method).Observe(max(took, 0).Seconds())
}

// QueueDepth sets the gauges of unfinished checks.
func (m *Metrics) QueueDepth(queued, running int) {
	m.queued.Set(float64(queued))
	m.running.Set(float64(running))
}

// methods are the request methods with a label of their own; the rest, which
// a caller may invent, share one.
var methods = map[string]bool{
	"GET": true, "HEAD": true, "POST": true, "PUT": true, "PATCH": true, "DELETE": true, "OPTIONS": true,
}

func (m *Metrics) observe(route, method string, status int, took time.Duration) {
	if !methods[method] {
		method = "other"
	}
	k := seriesKey{route, method, status}
	m.mu.RLock()
	s, ok := m.series[k]
	m.mu.RUnlock()
	if !ok {
		s = series{
			count: m.requests.WithLabelValues(route, method, strconv.Itoa(status)),
			time:  m.requestTime.WithLabelValues(route, method),
		}
		m.mu.Lock()
		if len(m.series) < maxSeries {
			m.series[k] = s
		}
		m.mu.Unlock()
	}
	s.count.Inc()
	s.time.Observe(took.Seconds())
}

// Handler serves /metrics. With a token the caller must send it as a Bearer
// token; without, only callers on the loopback interface that did not come
// through a proxy are answered.
func (m *Metrics) Handler(token string) http.Handler {
	h := promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 10 * time.Second})
	want := sha256.Sum256([]byte(token))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		SetRoute(r.Context(), "/metrics")
		w.Header().Set("Cache-Control", "no-store")
		if token == "" {
			if !local(r) {
				http.Error(w, "metrics are open to this machine only; set ZONEHOLD_METRICS_TOKEN to read them from elsewhere", http.StatusForbidden)
				return
			}
		} else {
			scheme, given, _ := strings.Cut(r.Header.Get("Authorization"), " ")
			got := sha256.Sum256([]byte(given))
			if !strings.EqualFold(scheme, "Bearer") || subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
				w.Header().Set("WWW-Authenticate", `Bearer realm="zonehold metrics"`)
				http.Error(w, "send the metrics token as a Bearer token", http.StatusUnauthorized)
				return
			}
		}
		h.ServeHTTP(w, r)
	})
}

// local reports whether the caller is on this machine. A proxy on this
// machine is too, so its headers disqualify.
func local(r *http.Request) bool {
	for _, h := range []string{"Forwarded", "X-Forwarded-For", "X-Real-Ip", "Via"} {
		if _, ok := r.Header[h]; ok {
			return false
		}
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
