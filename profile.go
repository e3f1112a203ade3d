//go:build bench

package main

import (
	"bytes"
	"net/http"
	"os"
	"runtime"
	"runtime/pprof"
	"time"
)

// init serves profiles at the address in MEDFENCE_PROFILE, which shall be one of
// loopback. It is in no operator but that of `make bench`.
func init() {
	address := os.Getenv("MEDFENCE_PROFILE")
	if address == "" {
		return
	}
	var cpu bytes.Buffer
	mux := http.NewServeMux()
	mux.HandleFunc("/cpu/start", func(w http.ResponseWriter, _ *http.Request) {
		cpu.Reset()
		if err := pprof.StartCPUProfile(&cpu); err != nil {
			http.Error(w, err.Error(), http.StatusConflict)
		}
	})
	mux.HandleFunc("/cpu/stop", func(w http.ResponseWriter, _ *http.Request) {
		pprof.StopCPUProfile()
		_, _ = w.Write(cpu.Bytes())
	})
	mux.HandleFunc("/heap", func(w http.ResponseWriter, _ *http.Request) {
		runtime.GC()
		_ = pprof.Lookup("heap").WriteTo(w, 0)
	})
	server := &http.Server{Addr: address, Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = server.ListenAndServe() }()
}
