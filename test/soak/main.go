package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
)

func main() {
	ctrl.SetLogger(logr.Discard())
	klog.SetLogger(logr.Discard())
	minutes := flag.Float64("minutes", 20, "how long to soak")
	o := options{out: os.Stdout}
	flag.IntVar(&o.zones, "zones", 12, "how many zones, each with four devices, two pods and two conduits")
	flag.Uint64Var(&o.seed, "seed", 1, "of all that is random")
	flag.StringVar(&o.dir, "dir", filepath.Join("bin", "soak"), "`folder` for the results")
	flag.Parse()
	o.length = time.Duration(*minutes * float64(time.Minute))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	found, err := run(ctx, o)
	if err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
	}
	if found != nil {
		if tellErr := found.tell(os.Stdout, filepath.Join(o.dir, "soak.json")); tellErr != nil {
			fmt.Fprintln(os.Stderr, "soak:", tellErr)
		}
	}
	if err != nil || len(found.Faults) > 0 {
		os.Exit(1)
	}
}
