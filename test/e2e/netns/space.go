//go:build linux

package netns

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// Prefix begins the names of all our namespaces.
const Prefix = "medfence-e2e-"

// mounts is where iproute2 keeps named namespaces.
const mounts = "/run/netns"

// A Space is a network namespace, with a thread of ours that lives in it.
type Space struct {
	// Name is without the prefix.
	Name string
	jobs chan func()
	done chan struct{}
}

// New makes a namespace with a loopback interface that is up.
func New(ctx context.Context, name string) (*Space, error) {
	if err := run(ctx, "ip", "netns", "add", Prefix+name); err != nil {
		return nil, err
	}
	s := &Space{Name: name, jobs: make(chan func()), done: make(chan struct{})}
	entered := make(chan error)
	go s.live(entered)
	if err := <-entered; err != nil {
		return nil, errors.Join(err, run(ctx, "ip", "netns", "delete", Prefix+name))
	}
	if err := s.IP(ctx, "link set lo up"); err != nil {
		return nil, errors.Join(err, s.Delete(ctx))
	}
	return s, nil
}

// Path is the file that stands for the namespace.
func (s *Space) Path() string { return filepath.Join(mounts, Prefix+s.Name) }

// live is the thread. It is never given back to the runtime: it dies with the
// goroutine, and with it what it started and asked to be killed.
func (s *Space) live(entered chan<- error) {
	runtime.LockOSThread()
	defer close(s.done)
	file, err := os.Open(s.Path())
	if err == nil {
		err = unix.Setns(int(file.Fd()), unix.CLONE_NEWNET)
		_ = file.Close()
	}
	entered <- err
	if err != nil {
		return
	}
	for job := range s.jobs {
		job()
	}
}

// Do runs f in the namespace. Sockets that f opens stay in it, and so do the
// programs that it starts. f must not wait for anything: one job runs at a time.
func (s *Space) Do(f func() error) error {
	result := make(chan error, 1)
	s.jobs <- func() { result <- f() }
	return <-result
}

// Start starts a program in the namespace. It is killed with the space, or with
// this process.
func (s *Space) Start(cmd *exec.Cmd) error {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &unix.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true // a Ctrl-C is for us, who end it in order
	cmd.SysProcAttr.Pdeathsig = unix.SIGKILL
	return s.Do(cmd.Start)
}

// IP runs lines of iproute2 in the namespace, without the word ip.
func (s *Space) IP(ctx context.Context, lines ...string) error {
	cmd := exec.CommandContext(ctx, "ip", "-n", Prefix+s.Name, "-batch", "-")
	cmd.Stdin = strings.NewReader(strings.Join(lines, "\n") + "\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("ip in %s: %w\n%s\nof:\n%s", s.Name, err, out, strings.Join(lines, "\n"))
	}
	return nil
}

// Sysctl sets net.* values of the namespace: "ipv4/ip_forward", "1". The kernel
// shows a thread the values of its own namespace.
func (s *Space) Sysctl(values map[string]string) error {
	return s.Do(func() error {
		for name, value := range values {
			if err := os.WriteFile(filepath.Join("/proc/sys/net", name), []byte(value), 0o644); err != nil {
				return fmt.Errorf("setting %s in %s: %w", name, s.Name, err)
			}
		}
		return nil
	})
}

// Delete kills what runs in the namespace, and removes it.
func (s *Space) Delete(ctx context.Context) error {
	close(s.jobs)
	<-s.done
	return remove(ctx, Prefix+s.Name)
}

func run(ctx context.Context, name string, args ...string) error {
	if out, err := exec.CommandContext(ctx, name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}
