//go:build bench

package main

import (
	"net/http"
	_ "net/http/pprof" // the handlers
	"os"
	"time"
)

// init serves profiles at the address in MEDFENCE_PROFILE, which shall be one of
// loopback. It is in no operator but that of `make bench`.
func init() {
	if address := os.Getenv("MEDFENCE_PROFILE"); address != "" {
		server := &http.Server{Addr: address, Handler: http.DefaultServeMux, ReadHeaderTimeout: 5 * time.Second}
		go func() { _ = server.ListenAndServe() }()
	}
}
