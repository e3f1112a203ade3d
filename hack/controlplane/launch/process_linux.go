package launch

import (
	"os/exec"
	"syscall"
)

// endWithParent has the kernel kill the child when its parent dies without
// having stopped it. A process group of its own keeps a Ctrl-C in the terminal
// from the child, so that it is the launcher that stops it, in order.
func endWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
