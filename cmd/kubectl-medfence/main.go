// Command kubectl-medfence is Medfence at the fingertips: a kubectl plugin
// (kubectl medfence) that also runs by itself. It never writes to a cluster.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/medfence/medfence/internal/cli"
)

// The program lives for seconds and reads much at once: it is collected seldom
// (percent of growth), until it is as large as its users were promised (bytes).
const (
	growth = 400
	memory = 384 << 20
)

func main() {
	debug.SetGCPercent(growth)
	debug.SetMemoryLimit(memory)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	streams := cli.Streams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr}
	os.Exit(cli.Execute(ctx, streams, cli.Arguments(os.Args)))
}
