package httpapi

import (
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zonehold/zonehold/api"
)

func TestDidYouMean(t *testing.T) {
	known := []string{"hostname", "scheme", "port", "profile", "basic_auth_username"}
	for word, want := range map[string]string{
		"hostnam": "hostname", "Hostname": "hostname", "host_name": "hostname", "hostnaem": "hostname", "prot": "",
		"por": "port", "profil": "profile", "basicAuthUsername": "basic_auth_username", "host": "", "x": "", "": "",
	} {
		if want != "" {
			want = " Did you mean " + want + "?"
		}
		if got := didYouMean(word, known); got != want {
			t.Errorf("didYouMean(%q) = %q, want %q", word, got, want)
		}
	}
}

func TestNamesOf(t *testing.T) {
	type paging struct {
		Limit int `query:"limit"`
	}
	type input struct {
		paging
		Ref  string `path:"ref"`
		Wait string `query:"wait"`
		Body api.StartAttempt
	}
	want := names{fields: []string{"method"}, parameters: []string{"limit", "wait"}}
	if diff := cmp.Diff(want, namesOf(reflect.TypeFor[input]()), cmp.AllowUnexported(names{})); diff != "" {
		t.Error(diff)
	}
}
