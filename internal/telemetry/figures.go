package telemetry

import (
	"context"
	"regexp"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Figures are what is read when the metrics are: of the database and of the
// whole service, not of this process alone.
type Figures struct {
	Up        bool               // the database answered; else the rest is not told
	Latency   time.Duration      // of a short question to it
	Size      int64              // bytes
	Free      int64              // bytes where the data are; negative: not known
	Log       int64              // bytes of SQLite's write-ahead log; negative: not known
	Faults    map[string]float64 // by kind, since the start
	Domains   map[string]float64 // by state
	Frozen    float64
	Due       float64
	DueAge    time.Duration
	Jobs      map[string]float64 // by state
	JobAge    time.Duration
	Nodes     float64
	CountedAt time.Duration // ago; negative: never
}

// figuresLife is how long figures are reused: several programs may read them.
const figuresLife = 10 * time.Second

const figuresLimit = 3 * time.Second

// figures is a collector that asks when it is read.
type figures struct {
	source func(context.Context) Figures
	health func(context.Context) Health

	mu   sync.Mutex
	at   time.Time
	last Figures
}

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

var (
	descUp       = describe("zonehold_database_up", "1 when the database answers, else 0.")
	descLatency  = describe("zonehold_database_latency_seconds", "How long the database took to answer a short question.")
	descSize     = describe("zonehold_database_size_bytes", "Size of the database.")
	descFree     = describe("zonehold_data_free_bytes", "Room left where the SQLite file is.")
	descLog      = describe("zonehold_database_wal_bytes", "Size of SQLite's write-ahead log.")
	descFaults   = describe("zonehold_database_faults_total", "Writes that failed because of the database itself.", "kind")
	descDomains  = describe("zonehold_domains", "Domains by state, of all processes; counted once a minute.", "state")
	descFrozen   = describe("zonehold_domains_frozen", "Domains that wait for a fresh proof; counted once a minute.")
	descDue      = describe("zonehold_domains_due", "Scheduled checks that are due and not begun; counted once a minute.")
	descDueAge   = describe("zonehold_domains_due_age_seconds", "How late the most overdue check was; counted once a minute.")
	descJobs     = describe("zonehold_jobs", "Jobs of the queue by state; counted once a minute.", "state")
	descJobAge   = describe("zonehold_job_oldest_age_seconds", "How long the oldest job that could run has waited; counted once a minute.")
	descNodes    = describe("zonehold_nodes", "Processes with workers whose heart beats.")
	descCounted  = describe("zonehold_figures_age_seconds", "Since what is counted once a minute was counted.")
	descReady    = describe("zonehold_ready", "1 when /readyz answers 200, else 0.")
	descCheck    = describe("zonehold_ready_check", "1 when a check of /readyz passes, 0 when it is degraded or failing.", "check")
	figuresDescs = []*prometheus.Desc{descUp, descLatency, descSize, descFree, descLog, descFaults, descDomains, descFrozen, descDue, descDueAge,
		descJobs, descJobAge, descNodes, descCounted, descReady, descCheck}
)

// Watch adds the figures of a source, and the state of the readiness checks.
// The source is asked when metrics are read, and must return soon after its
// context ends.
func (m *Metrics) Watch(source func(context.Context) Figures, ready *Readiness) {
	m.registry.MustRegister(&figures{source: source, health: ready.Check})
}

func (f *figures) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range figuresDescs {
		ch <- d
	}
}

func (f *figures) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	ctx, cancel := context.WithTimeout(context.Background(), figuresLimit)
	defer cancel()
	health := f.health(ctx)
	gauge(descReady, truth(health.Ready))
	for name, state := range health.Checks {
		gauge(descCheck, truth(state == "ok"), name)
	}
	n := f.read(ctx)
	gauge(descUp, truth(n.Up))
	for kind, count := range n.Faults {
		ch <- prometheus.MustNewConstMetric(descFaults, prometheus.CounterValue, count, kind)
	}
	if n.Free >= 0 {
		gauge(descFree, float64(n.Free))
	}
	if n.Log >= 0 {
		gauge(descLog, float64(n.Log))
	}
	if !n.Up {
		return
	}
	gauge(descLatency, n.Latency.Seconds())
	gauge(descSize, float64(n.Size))
	gauge(descNodes, n.Nodes)
	if n.CountedAt < 0 {
		return
	}
	gauge(descCounted, n.CountedAt.Seconds())
	for state, count := range n.Domains {
		gauge(descDomains, count, state)
	}
	gauge(descFrozen, n.Frozen)
	gauge(descDue, n.Due)
	gauge(descDueAge, n.DueAge.Seconds())
	for state, count := range n.Jobs {
		gauge(descJobs, count, state)
	}
	gauge(descJobAge, n.JobAge.Seconds())
}

func (f *figures) read(ctx context.Context) Figures {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.at.IsZero() || time.Since(f.at) >= figuresLife {
		f.last, f.at = f.source(ctx), time.Now()
	}
	return f.last
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// Catalogue lists the metrics that are named zonehold_…, with their labels.
func Catalogue() map[string][]string {
	m := NewMetrics("")
	m.Watch(func(context.Context) Figures { return Figures{} }, &Readiness{})
	descs := make(chan *prometheus.Desc, 1000)
	m.registry.Describe(descs)
	close(descs)
	// The library shows what describes a metric only as a text.
	pattern := regexp.MustCompile(`fqName: "(zonehold_[a-z_]+)".*constLabels: \{(.*)\}, variableLabels: \{(.*)\}`)
	word := regexp.MustCompile(`([a-z_]+)(?:="[^"]*")?`)
	out := map[string][]string{}
	for d := range descs {
		p := pattern.FindStringSubmatch(d.String())
		if p == nil {
			continue // of the Go library
		}
		out[p[1]] = []string{}
		for _, label := range word.FindAllStringSubmatch(p[2]+" "+p[3], -1) {
			out[p[1]] = append(out[p[1]], label[1])
		}
	}
	return out
}
