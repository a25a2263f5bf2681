// Package systemtest runs the built program as its users do: against other
// people's servers (a name server and a web server from the system's
// packages), and as a service on both databases that is killed in the middle
// of its work, stopped, doubled and misconfigured. Everything is on loopback.
// It holds only tests.
package systemtest
