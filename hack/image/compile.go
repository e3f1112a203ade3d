package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// binaryPath is where the operator is in the image.
const binaryPath = "medfence"

// compile builds the static binary of an architecture and returns its path.
// Nothing of this machine gets into it: no paths, no time, no checkout's state.
func (r recipe) compile(ctx context.Context, arch string) (string, error) {
	out, err := filepath.Abs(filepath.Join(r.out, ".medfence-"+arch))
	if err != nil {
		return "", fmt.Errorf("finding %s: %w", r.out, err)
	}
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-mod=readonly",
		"-ldflags=-s -w -buildid= -X main.release="+r.version, "-o", out, ".")
	build.Dir = r.source
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch, "GOFLAGS=", "GOWORK=off", "GOAMD64=v1", "GOARM64=v8.0")
	if text, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("compiling for %s: %w\n%s", arch, err, text)
	}
	return out, nil
}
