package probely

import (
	"errors"
	"net/http"

	"github.com/zonehold/zonehold/internal/app"
	"github.com/zonehold/zonehold/internal/auth"
)

// userBody is a user in a list: an account of ours, which has one.
type userBody struct {
	ID             string  `json:"id"`
	Email          string  `json:"email"`
	Name           string  `json:"name"`
	Title          string  `json:"title"`
	IsBillingAdmin bool    `json:"is_billing_admin"`
	ChangedBy      byBody  `json:"changed_by"`
	Changed        *string `json:"changed"`    // not kept: null
	LastLogin      *string `json:"last_login"` // there is no login: null
	IsAPIUser      bool    `json:"is_apiuser"`
}

type byBody struct {
	ID    string `json:"id"`
	Email string `json:"email"`
	Name  string `json:"name"`
}

// profileBody is the user of the token.
type profileBody struct {
	userBody
	IntercomUserID string `json:"intercom_user_id"`
	IsSSO          bool   `json:"is_sso"`
	IsOwner        bool   `json:"is_owner"`
}

func (c *call) user() userBody {
	a := c.actor.Account
	by := byBody{ID: app.ShortID(a.ID), Email: a.Email, Name: a.Name}
	return userBody{ID: by.ID, Email: by.Email, Name: by.Name, ChangedBy: by, IsAPIUser: true}
}

func (c *call) profile() (reply, error) { return ok(profileBody{userBody: c.user(), IsOwner: true}) }

func (c *call) listUsers() (reply, error) {
	p, err := page(c.r.URL.Query(), []userBody{c.user()})
	if err != nil {
		return reply{}, err
	}
	return ok(p)
}

func (c *call) showUser() (reply, error) {
	if u := c.user(); u.ID == c.id {
		return ok(u)
	}
	return reply{}, errNotFound()
}

// accountBody is the vendor's contract with its customer, of which there is
// none here: no plan, no price, no targets.
type accountBody struct {
	Status              string   `json:"status"`
	Plan                planBody `json:"plan"`
	FreeTargetQuantity  int      `json:"free_target_quantity"`
	PlanTargetQuantity  int      `json:"plan_target_quantity"`
	PoolSize            int      `json:"pool_size"`
	AutoCollection      bool     `json:"auto_collection"`
	NextBillingAt       *string  `json:"next_billing_at"`
	TrialEnd            *string  `json:"trial_end"`
	Balance             int      `json:"balance"`
	BalanceCurrencyCode string   `json:"balance_currency_code"`
	HasUsedTrial        bool     `json:"has_used_trial"`
	Heroku              bool     `json:"heroku"`
	PlanAmount          *int     `json:"plan_amount"`
	AvailableSlots      *int     `json:"available_slots"`
}

type planBody struct {
	ID                  string   `json:"id"`
	Name                string   `json:"name"`
	Description         string   `json:"description"`
	IsTrial             bool     `json:"is_trial"`
	ChargeModel         string   `json:"charge_model"`
	Price               int      `json:"price"`
	CurrencyCode        string   `json:"currency_code"`
	Period              int      `json:"period"`
	PeriodUnit          string   `json:"period_unit"`
	AllowedScanProfiles []string `json:"allowed_scan_profiles"`
}

func (c *call) account() (reply, error) {
	return ok(accountBody{
		Status: "active",
		Plan:   planBody{ID: "default", Period: 1, PeriodUnit: "month", AllowedScanProfiles: []string{}},
	})
}

// emptyPage answers for lists of what is not kept here.
func (c *call) emptyPage() (reply, error) {
	p, err := page(c.r.URL.Query(), []struct{}{})
	if err != nil {
		return reply{}, err
	}
	return ok(p)
}

// statusBody is the state of discovery, which has not run yet (contract
// section 3).
type statusBody struct {
	RunningScansCount   int       `json:"running_scans_count"`
	LastCompleteScan    *struct{} `json:"last_complete_scan"`
	NextScheduledScanAt *string   `json:"next_scheduled_scan_at"`
}

func (c *call) discoveryStatus() (reply, error) { return ok(statusBody{}) }

// obtain is the old login. There are no passwords here, so none is right.
func (c *call) obtain() (reply, error) {
	in, err := c.read()
	if err != nil {
		return reply{}, err
	}
	for _, field := range []string{"username", "password"} {
		in.required(field)
	}
	if err := in.errs.err(); err != nil {
		return reply{}, err
	}
	return reply{}, errField(nonField, "Unable to log in with provided credentials.",
		"This service has no passwords. Make a token with \"zonehold token create\" and send it as \"Authorization: JWT <token>\".")
}

// maxCredentials bounds what is read of a login, in characters.
const maxCredentials = 1024

func (in *input) required(field string) string {
	if !in.has(field) {
		in.errs.add(field, textRequired)
		return ""
	}
	s, ok := in.text(field, maxCredentials, true)
	if ok && s == "" {
		in.errs.add(field, textBlank)
	}
	return s
}

type tokenBody struct {
	Token string `json:"token"`
}

// verifyToken says whether a token is good. A new one is the old one: tokens
// here do not run out.
func (c *call) verifyToken() (reply, error) {
	in, err := c.read()
	if err != nil {
		return reply{}, err
	}
	token := in.required("token")
	if err := in.errs.err(); err != nil {
		return reply{}, err
	}
	if _, err := c.auth.Authenticate(c.r.Context(), token); errors.Is(err, auth.ErrUnauthenticated) {
		return reply{}, errField(nonField, "Incorrect authentication credentials.")
	} else if err != nil {
		return reply{}, err
	}
	return ok(tokenBody{token})
}

// revokeToken refuses: who can make tokens can revoke them, and that is not
// the bearer of one.
func (c *call) revokeToken() (reply, error) {
	return reply{}, &apiError{status: http.StatusBadRequest, body: fieldErrors{
		nonField: {"Tokens are not revoked here. Use \"zonehold token revoke\"."}}}
}
