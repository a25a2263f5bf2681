package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// deliveries are the figures about events on their way to webhooks and readers
// of mail.
type deliveries struct {
	tries    *prometheus.CounterVec
	time     *prometheus.HistogramVec
	waiting  *prometheus.GaugeVec
	sending  *prometheus.GaugeVec
	oldest   *prometheus.GaugeVec
	disabled *prometheus.CounterVec
}

func (d *deliveries) register(r prometheus.Registerer) {
	d.tries = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "zonehold_delivery_tries_total", Help: "Tries to deliver an event: delivered, again, failed, or disabled with its outlet.",
	}, []string{"kind", "outcome"})
	d.time = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "zonehold_delivery_duration_seconds", Help: "How long a try to deliver an event took.",
		Buckets: []float64{.01, .05, .1, .25, .5, 1, 2.5, 5, 10, 15, 30},
	}, []string{"kind"})
	d.waiting = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "zonehold_deliveries_waiting", Help: "Deliveries that wait for their time or for a sender.",
	}, []string{"kind"})
	d.sending = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "zonehold_deliveries_sending", Help: "Deliveries under way, in all processes.",
	}, []string{"kind"})
	d.oldest = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "zonehold_deliveries_oldest_seconds", Help: "Age of the oldest delivery that has not ended.",
	}, []string{"kind"})
	d.disabled = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "zonehold_outlets_disabled_total", Help: "Webhooks and readers of mail that were disabled because they are gone or failed for days.",
	}, []string{"kind", "reason"})
	r.MustRegister(d.tries, d.time, d.waiting, d.sending, d.oldest, d.disabled)
}

// DeliveryTried counts a try.
func (m *Metrics) DeliveryTried(kind, outcome string, took time.Duration) {
	m.sent.tries.WithLabelValues(kind, outcome).Inc()
	m.sent.time.WithLabelValues(kind).Observe(max(took, 0).Seconds())
}

// DeliveryBacklog sets what waits.
func (m *Metrics) DeliveryBacklog(kind string, waiting, sending int, oldest time.Duration) {
	m.sent.waiting.WithLabelValues(kind).Set(float64(waiting))
	m.sent.sending.WithLabelValues(kind).Set(float64(sending))
	m.sent.oldest.WithLabelValues(kind).Set(oldest.Seconds())
}

// OutletDisabled counts outlets that were disabled.
func (m *Metrics) OutletDisabled(kind, reason string) {
	m.sent.disabled.WithLabelValues(kind, reason).Inc()
}
