package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// lifecycle are the figures about states, sweeps, breakers and perspectives.
type lifecycle struct {
	changes      *prometheus.CounterVec
	sweepBegun   prometheus.Counter
	sweepTime    prometheus.Histogram
	sweepLag     prometheus.Gauge
	choreFailed  *prometheus.CounterVec
	tripped      *prometheus.CounterVec
	breakersOpen prometheus.Gauge
	held         prometheus.Gauge
	canaries     *prometheus.GaugeVec
	clockJumps   prometheus.Counter
	perspectives *prometheus.CounterVec
	perspTime    *prometheus.HistogramVec
}

func (l *lifecycle) register(r prometheus.Registerer) {
	l.changes = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "zonehold_domain_state_changes_total", Help: "Changes of a domain's state.",
	}, []string{"from", "to"})
	l.sweepBegun = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "zonehold_sweep_started_checks_total", Help: "Scheduled checks that sweeps began.",
	})
	l.sweepTime = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "zonehold_sweep_duration_seconds", Help: "How long a look for due checks took.",
		Buckets: []float64{.01, .05, .1, .5, 1, 5, 15, 60, 300},
	})
	l.sweepLag = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "zonehold_sweep_lag_seconds", Help: "How overdue the most overdue check was at the last look.",
	})
	l.choreFailed = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "zonehold_chore_failures_total", Help: "Regular work that went wrong; it is tried again.",
	}, []string{"chore"})
	l.tripped = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "zonehold_breaker_trips_total", Help: "Breakers that opened because too many proofs went missing at once.",
	}, []string{"scope"})
	l.breakersOpen = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "zonehold_breakers_open", Help: "Breakers that are open.",
	})
	l.held = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "zonehold_breaker_held_verdicts", Help: "Verdicts that open breakers hold back.",
	})
	l.canaries = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "zonehold_canary_up", Help: "1 when the canary was well at the last look, else 0.",
	}, []string{"canary"})
	l.clockJumps = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "zonehold_clock_jumps_total", Help: "Jumps of this machine's clock.",
	})
	l.perspectives = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "zonehold_perspective_answers_total", Help: "Answers of other perspectives: corroborated, contradicted or failed.",
	}, []string{"perspective", "result"})
	l.perspTime = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "zonehold_perspective_duration_seconds", Help: "How long a perspective took to answer.",
		Buckets: []float64{.01, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
	}, []string{"perspective"})
	r.MustRegister(l.changes, l.sweepBegun, l.sweepTime, l.sweepLag, l.choreFailed, l.tripped, l.breakersOpen, l.held,
		l.canaries, l.clockJumps, l.perspectives, l.perspTime)
}

// StateChanged counts a domain's change of state.
func (m *Metrics) StateChanged(from, to string) { m.life.changes.WithLabelValues(from, to).Inc() }

// Swept notes a look for due checks.
func (m *Metrics) Swept(begun int, took, lag time.Duration) {
	m.life.sweepBegun.Add(float64(begun))
	m.life.sweepTime.Observe(max(took, 0).Seconds())
	m.life.sweepLag.Set(max(lag, 0).Seconds())
}

// ChoreFailed counts regular work that went wrong.
func (m *Metrics) ChoreFailed(name string) { m.life.choreFailed.WithLabelValues(name).Inc() }

// BreakerTripped counts breakers that opened.
func (m *Metrics) BreakerTripped(scope string) { m.life.tripped.WithLabelValues(scope).Inc() }

// BreakersOpen sets how many breakers are open and what they hold back.
func (m *Metrics) BreakersOpen(open, held int) {
	m.life.breakersOpen.Set(float64(open))
	m.life.held.Set(float64(held))
}

// CanaryAsked notes whether a canary was well; its name is the operator's.
func (m *Metrics) CanaryAsked(name string, well bool) {
	m.life.canaries.WithLabelValues(name).Set(truth(well))
}

// ClockJumped counts jumps of the machine's clock.
func (m *Metrics) ClockJumped(time.Duration) { m.life.clockJumps.Inc() }

// PerspectiveAsked counts an answer of a perspective; its name is the
// operator's.
func (m *Metrics) PerspectiveAsked(name, result string, took time.Duration) {
	m.life.perspectives.WithLabelValues(name, result).Inc()
	m.life.perspTime.WithLabelValues(name).Observe(max(took, 0).Seconds())
}
