//go:build linux

package netns

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Sweep removes what an earlier run left behind: namespaces with our prefix, and
// the processes that live in them. It returns their names.
func Sweep(ctx context.Context) ([]string, error) {
	entries, err := os.ReadDir(mounts)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("listing network namespaces: %w", err)
	}
	var found []string
	var failed error
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), Prefix) {
			found = append(found, e.Name())
			failed = errors.Join(failed, remove(ctx, e.Name()))
		}
	}
	return found, failed
}

// grace is how long a killed process may take to be gone: it has no say in it,
// but the kernel may be busy with its BPF programs.
const grace = 30 * time.Second

// remove kills, by its id, every process in the namespace, waits until it is
// gone, and removes the name.
func remove(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	for {
		ids, err := processes(ctx, name)
		if err != nil {
			return err
		}
		if len(ids) == 0 {
			return run(ctx, "ip", "netns", "delete", name)
		}
		for _, id := range ids {
			_ = syscall.Kill(id, syscall.SIGKILL) // gone already: as wanted
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("processes %v in the network namespace %s do not die: look at them with ps, then run `ip netns delete %s`", ids, name, name)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// processes lists who lives in a namespace. This process lives in the machine's,
// whatever its threads do.
func processes(ctx context.Context, name string) ([]int, error) {
	out, err := exec.CommandContext(ctx, "ip", "netns", "pids", name).Output()
	if err != nil {
		return nil, fmt.Errorf("listing the processes of the network namespace %s: %w", name, err)
	}
	var ids []int
	for word := range strings.FieldsSeq(string(out)) {
		id, err := strconv.Atoi(word)
		if err != nil {
			return nil, fmt.Errorf("reading what ip says of %s: %w", name, err)
		}
		if id != os.Getpid() {
			ids = append(ids, id)
		}
	}
	return ids, nil
}
