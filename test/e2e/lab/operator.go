//go:build linux

package lab

import (
	"os"
	"os/exec"
	"syscall"
)

// An operator is Medfence's, as a program of its own.
type operator struct {
	cmd  *exec.Cmd
	gone chan struct{}
}

func (o *operator) stop(signal os.Signal) {
	_ = o.cmd.Process.Signal(signal)
	<-o.gone
}

var _ = syscall.SIGTERM
