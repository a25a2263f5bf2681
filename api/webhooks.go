package api

import "time"

// Webhook is an endpoint that events are sent to. Its secret is shown only
// when it is made.
type Webhook struct {
	ID             string     `json:"id" doc:"whk_…" example:"whk_06c4b1q2v8h3k5n7p9r1s3t5u0"`
	URL            string     `json:"url" example:"https://hooks.example.com/zonehold"`
	Description    string     `json:"description"`
	Events         []string   `json:"events" doc:"types, groups such as domain.*, or * for everything; empty: everything but attempt.completed"`
	Enabled        bool       `json:"enabled"`
	DisabledReason *string    `json:"disabled_reason" doc:"owner, gone (it answered 410) or failing (nothing but failures for five days); null while enabled"`
	DisabledAt     *time.Time `json:"disabled_at"`
	FailingSince   *time.Time `json:"failing_since" doc:"null: the last try went well, or there was none"`
	PausedUntil    *time.Time `json:"paused_until" doc:"it asked for fewer requests; null: it did not"`
	OldSecretUntil *time.Time `json:"old_secret_until" doc:"till then the secret before signs, too; null: one secret signs"`
	CreatedAt      time.Time  `json:"created_at"`
	UpdatedAt      time.Time  `json:"updated_at"`
}

// NewWebhook is a webhook just made, or with a new secret.
type NewWebhook struct {
	Webhook
	Secret string `json:"secret" doc:"shown once" example:"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"`
}

// CreateWebhook is the body of POST /v1/webhooks.
type CreateWebhook struct {
	URL         string   `json:"url" minLength:"1" maxLength:"1024" doc:"https, port 443, a host with a public address"`
	Events      []string `json:"events,omitempty" maxItems:"50" doc:"types, groups such as domain.*, or *; absent or empty: everything but attempt.completed"`
	Description string   `json:"description,omitempty" maxLength:"200"`
}

// WebhookPatch is the body of PATCH /v1/webhooks/{id}. What is absent stays.
type WebhookPatch struct {
	URL         *string   `json:"url,omitempty" minLength:"1" maxLength:"1024"`
	Events      *[]string `json:"events,omitempty" maxItems:"50"`
	Description *string   `json:"description,omitempty" maxLength:"200"`
	Enabled     *bool     `json:"enabled,omitempty"`
}

// Delivery is one event on its way to one webhook.
type Delivery struct {
	ID        string        `json:"id" doc:"dlv_…" example:"dlv_06c4b1q2v8h3k5n7p9r1s3t5u0"`
	WebhookID string        `json:"webhook_id"`
	EventID   string        `json:"event_id" doc:"the webhook-id of every try"`
	EventType string        `json:"event_type" example:"domain.at_risk"`
	State     string        `json:"state" enum:"waiting,sending,delivered,failed,canceled"`
	Tries     []DeliveryTry `json:"tries" doc:"oldest first"`
	NextTryAt *time.Time    `json:"next_try_at"`
	CreatedAt time.Time     `json:"created_at"`
	EndedAt   *time.Time    `json:"ended_at"`
}

// DeliveryTry is one try to deliver.
type DeliveryTry struct {
	At         time.Time `json:"at"`
	Status     *int      `json:"status" doc:"HTTP status; null: there was no answer"`
	DurationMS int64     `json:"duration_ms"`
	Error      *string   `json:"error" doc:"null: it went well"`
	Answer     *string   `json:"answer" doc:"the first kilobyte of what was answered"`
}

// ReplayWebhook is the body of POST /v1/webhooks/{id}/replay.
type ReplayWebhook struct {
	Since time.Time `json:"since" doc:"at most 30 days ago"`
	All   bool      `json:"all,omitempty" doc:"also what was delivered; absent: only what was not"`
}

// Replayed says what a replay will send.
type Replayed struct {
	Events int `json:"events" doc:"how many are on their way again"`
}
