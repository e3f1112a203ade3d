package launch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
)

// Obey carries out an order: "kill PROGRAM" ends a program as a crash would, and
// "restart PROGRAM" starts one that was killed, with the ports, keys and data
// that it had, and returns when it and those that need it answer.
func (cp *ControlPlane) Obey(ctx context.Context, order string) error {
	verb, name, _ := strings.Cut(order, " ")
	cp.mu.Lock()
	defer cp.mu.Unlock()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	i := slices.IndexFunc(cp.programs, func(p program) bool { return p.name == name })
	switch {
	case i < 0:
		return fmt.Errorf("no program %q runs here", name)
	case verb == "kill":
		return cp.processes[i].kill()
	case verb == "restart":
		return cp.restart(ctx, i)
	}
	return fmt.Errorf("no order %q: kill or restart a program", verb)
}

// kill ends the process at once and returns when it is gone.
func (p *process) kill() error {
	p.killed.Store(true)
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("killing %s: %w", p.name, err)
	}
	<-p.gone
	return nil
}

// restart starts program i again. Its port was free for others meanwhile: who
// took it, a connection most likely, may let it go.
func (cp *ControlPlane) restart(ctx context.Context, i int) error {
	if !cp.processes[i].killed.Load() {
		return fmt.Errorf("%s runs: kill it first", cp.programs[i].name)
	}
	for attempt := 1; ; attempt++ {
		p, err := cp.start(cp.programs[i], os.O_APPEND)
		if err != nil {
			return err
		}
		p.killed.Store(true) // as long as it is not up, its end is told here
		cp.processes[i] = p
		err = cp.probe.await(ctx, p, cp.programs[i].ready)
		if err == nil {
			p.killed.Store(false)
			break
		}
		if !isPortTaken(err) || attempt == portAttempts {
			return err
		}
	}
	for j := i + 1; j < len(cp.programs); j++ {
		if cp.processes[j].killed.Load() {
			continue
		}
		if err := cp.probe.await(ctx, cp.processes[j], cp.programs[j].ready); err != nil {
			return err
		}
	}
	return nil
}
