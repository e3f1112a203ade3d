//go:build !linux

package launch

import (
	"os/exec"
	"syscall"
)

// endWithParent cannot do here what it does on Linux: a launcher that is
// killed with SIGKILL leaves its children behind.
func endWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
}
