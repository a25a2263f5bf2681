//go:build !linux

package systemtest

import "syscall"

func endsWithTest() *syscall.SysProcAttr { return nil }
