package systemtest

import "syscall"

// endsWithTest has the kernel end a program when this process ends in a way
// that runs no clean-up.
func endsWithTest() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
