// Package systemtest runs the built program against other people's servers
// on loopback: a name server and a web server from the system's packages. It
// holds only tests.
package systemtest
