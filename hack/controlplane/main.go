// Controlplane builds a Kubernetes control plane from source and runs it on
// this machine, for Medfence's tests and its demo. README.md has the manual.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/medfence/medfence/hack/controlplane/launch"
)

const usage = `controlplane builds and runs a Kubernetes control plane from source.

  controlplane build [--source DIR]     build the binaries if need be, print their directory
  controlplane path  [--source DIR]     the same
  controlplane cilium [--source DIR]    the same for Cilium's agent, from hack/cilium
  controlplane up    --dir DIR [flags]  run until SIGINT or SIGTERM; prints one line of JSON when ready
  controlplane user  --dir DIR NAME [GROUP...]
                                        print a kubeconfig of that user for what runs in DIR

Flags of up:
`

// errUsage is a mistake in the command line.
var errUsage = errors.New("see controlplane help")

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	err := run(ctx, os.Args[1:])
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, "controlplane:", err)
	if errors.Is(err, errUsage) {
		os.Exit(2)
	}
	os.Exit(1)
}

// A command is what the command line asks for.
type command struct {
	launch.Options
	source         string
	stopOnStdinEOF bool
	args           []string
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		args = []string{"help"}
	}
	var c command
	flags := c.flags()
	if err := flags.Parse(args[1:]); err != nil {
		return fmt.Errorf("%w: %w", err, errUsage)
	}
	c.args = flags.Args()
	switch args[0] {
	case "build", "path":
		return c.build(ctx)
	case "cilium":
		return c.cilium(ctx)
	case "up":
		return c.up(ctx)
	case "user":
		return c.user()
	case "help", "-h", "--help":
		fmt.Print(usage)
		flags.SetOutput(os.Stdout)
		flags.PrintDefaults()
		return nil
	}
	return fmt.Errorf("no command %q: %w", args[0], errUsage)
}

func (c *command) flags() *flag.FlagSet {
	flags := flag.NewFlagSet("controlplane", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&c.source, "source", "", "hack/controlplane of a checkout (default: of the one around the working directory)")
	flags.StringVar(&c.Dir, "dir", "", "directory of state, keys, kubeconfig and logs; state of an earlier run is used")
	flags.StringVar(&c.Address, "address", "", "address, beside loopback, at which the API server answers; it then listens on every address of the machine or network namespace")
	flags.BoolVar(&c.AuditLog, "audit-log", false, "write who did what to DIR/audit.log")
	flags.StringVar(&c.AuthenticationConfig, "authentication-config", "", "absolute path of an AuthenticationConfiguration that the API server reads")
	flags.BoolVar(&c.WithoutControllerManager, "without-controller-manager", false, "no garbage collection, no deletion of namespaces")
	flags.BoolVar(&c.stopOnStdinEOF, "stop-on-stdin-eof", false, "stop when standard input is closed, which is when the caller has died; lines of it are orders: kill PROGRAM, restart PROGRAM")
	return flags
}

func (c *command) build(ctx context.Context) error {
	assets, err := c.assets(ctx)
	if err != nil {
		return err
	}
	fmt.Println(assets)
	return nil
}

func (c *command) cilium(ctx context.Context) error {
	source := c.source
	if source == "" {
		found, err := launch.FindCiliumSource(".")
		if err != nil {
			return err
		}
		source = found
	}
	cache, err := launch.DefaultCache()
	if err != nil {
		return err
	}
	dir, err := launch.Builder{Source: source, Cache: cache, Progress: os.Stderr}.Cilium(ctx)
	if err != nil {
		return err
	}
	fmt.Println(dir)
	return nil
}

func (c *command) assets(ctx context.Context) (string, error) {
	source := c.source
	if source == "" {
		found, err := launch.FindSource(".")
		if err != nil {
			return "", err
		}
		source = found
	}
	cache, err := launch.DefaultCache()
	if err != nil {
		return "", err
	}
	return launch.Builder{Source: source, Cache: cache, Progress: os.Stderr}.Assets(ctx)
}

// up runs in the foreground. Its standard output is the one line that says
// that the control plane is ready.
func (c *command) up(ctx context.Context) error {
	if c.Dir == "" {
		return fmt.Errorf("up needs --dir: %w", errUsage)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	orders := make(chan string)
	if c.stopOnStdinEOF {
		go func() {
			defer cancel()
			for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
				select {
				case orders <- lines.Text():
				case <-ctx.Done():
				}
			}
		}()
	}
	assets, err := c.assets(ctx)
	if err != nil {
		return err
	}
	c.Assets = assets
	cp, err := launch.Start(ctx, c.Options)
	if err != nil {
		return err
	}
	defer cp.Stop()
	if err := json.NewEncoder(os.Stdout).Encode(cp.Ready); err != nil {
		return fmt.Errorf("saying that it is ready: %w", err)
	}
	go obey(ctx, cp, orders)
	defer cancel() // before it is stopped: no order may outlive it
	return cp.Wait(ctx)
}

// obey carries out one order after the other and answers each with a line of
// JSON: its error, or none.
func obey(ctx context.Context, cp *launch.ControlPlane, orders <-chan string) {
	answers := json.NewEncoder(os.Stdout)
	for {
		select {
		case <-ctx.Done():
			return
		case order := <-orders:
			var answer struct {
				Error string `json:"error,omitempty"`
			}
			if err := cp.Obey(ctx, order); err != nil {
				answer.Error = err.Error()
			}
			_ = answers.Encode(answer) // who does not listen does not care
		}
	}
}

func (c *command) user() error {
	if c.Dir == "" || len(c.args) == 0 {
		return fmt.Errorf("user needs --dir and a name: %w", errUsage)
	}
	kubeconfig, err := launch.UserKubeconfig(c.Dir, c.args[0], c.args[1:]...)
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(kubeconfig)
	return err
}
