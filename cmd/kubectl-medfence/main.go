// Command kubectl-medfence is Medfence at the fingertips: a kubectl plugin
// (kubectl medfence) that also runs by itself. It never writes to a cluster.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/medfence/medfence/internal/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	streams := cli.Streams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr}
	os.Exit(cli.Execute(ctx, streams, cli.Arguments(os.Args)))
}
