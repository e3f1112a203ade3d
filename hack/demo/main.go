package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	once := flag.Bool("once", false, "end after the last scene instead of staying up")
	helm := flag.String("helm", "", "path of a `helm` that installs charts/medfence, instead of kubectl and config/")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *helm, *once); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, helm string, once bool) (err error) {
	s, err := openStage(ctx, helm)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	for _, scene := range scenes {
		if err := s.play(ctx, scene); err != nil {
			return fmt.Errorf("scene %q: %w", scene.title, err)
		}
	}
	s.say("\nThe demo took %s.", rounded(time.Since(s.began)))
	if once {
		return nil
	}
	s.say("")
	s.say("The cluster stays up until you press Ctrl-C. In another terminal:")
	s.say("  export KUBECONFIG=%s", s.cluster.Kubeconfig)
	s.say("  %s/kubectl get medfence -A", s.cluster.Assets)
	s.say("  %s/kubectl explain conduit.spec", s.cluster.Assets)
	<-ctx.Done()
	return nil
}
