package launch

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// grace is how long a program may take to stop before it is killed. All three
// need a second or two.
const grace = 15 * time.Second

// A process is one program of the control plane, started by us.
type process struct {
	name string
	log  string
	cmd  *exec.Cmd
	gone chan struct{} // closed when it has ended
	// killed is true of one that was killed on purpose.
	killed atomic.Bool
}

func startProcess(assets, dir string, program program, logMode int) (*process, error) {
	p := &process{name: program.name, log: filepath.Join(dir, program.name+".log"), gone: make(chan struct{})}
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_WRONLY|logMode, 0o666)
	if err != nil {
		return nil, fmt.Errorf("making a log: %w", err)
	}
	defer func() { _ = log.Close() }() // the child has its own
	p.cmd = exec.Command(filepath.Join(assets, p.name), program.flags...)
	p.cmd.Dir = dir
	p.cmd.Stdout, p.cmd.Stderr = log, log
	// Nothing of the caller's environment: etcd reads ETCD_*, and a proxy or a
	// kubeconfig of the user has no business here. They live for seconds: memory
	// is cheaper than collecting it (an eighth of the crash test's time).
	p.cmd.Env = []string{"GOGC=400", "PATH=" + os.Getenv("PATH"), "TMPDIR=" + os.TempDir(), "HOME=" + dir}
	endWithParent(p.cmd)
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", p.name, err)
	}
	go func() {
		_ = p.cmd.Wait() // its state tells all that there is to say
		close(p.gone)
	}()
	return p, nil
}

// stop ends the process and returns when it is gone.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.gone:
	case <-time.After(grace):
		_ = p.cmd.Process.Kill()
		<-p.gone
	}
}

// A programError is a program that did not come up, or did not stay up, in
// words for whoever ran it.
type programError struct {
	Program string
	Reason  string
	Log     string   // its file
	Last    []string // its last lines
}

func (e *programError) Error() string {
	return fmt.Sprintf("%s %s\nthe last lines of %s:\n%s\n%s",
		e.Program, e.Reason, e.Log, indent(e.Last), e.advice())
}

// advice says what to do, as far as the log gives it away.
func (e *programError) advice() string {
	last := strings.Join(e.Last, "\n")
	switch {
	case strings.Contains(last, "unknown flag"):
		return "What to do: unset KUBEBUILDER_ASSETS, which holds another version of Kubernetes."
	case strings.Contains(last, "no space left"):
		return "What to do: free some space, or give another --dir."
	case e.portTaken():
		return "What to do: run it again; other programs take every port that is tried."
	case strings.Contains(last, "permission denied"):
		return "What to do: give a --dir that you may write."
	}
	return "What to do: read the whole log. If --dir was used before, try an empty one."
}

func (e *programError) portTaken() bool {
	return strings.Contains(strings.Join(e.Last, "\n"), "address already in use")
}

func (p *process) failed(reason string) *programError {
	log, err := os.ReadFile(p.log)
	if err != nil {
		log = []byte(err.Error())
	}
	lines := strings.Split(strings.TrimSpace(string(log)), "\n")
	return &programError{Program: p.name, Reason: reason, Log: p.log, Last: lines[max(0, len(lines)-20):]}
}

// ended describes how the process ended, once it is gone.
func (p *process) ended() *programError {
	return p.failed("ended: " + p.cmd.ProcessState.String())
}

func isPortTaken(err error) bool {
	var failed *programError
	return errors.As(err, &failed) && failed.portTaken()
}

func lastLines(lines []string, n int) string {
	return indent(lines[max(0, len(lines)-n):])
}

func indent(lines []string) string {
	return "  " + strings.Join(lines, "\n  ")
}
