// Package webmaster speaks the site-rights part of the Yandex.Webmaster API,
// v3 to v4.1, so that its clients can be pointed at Zonehold unchanged. The
// README in this directory lists the subset and where it differs.
package webmaster
