package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestFlagsThatCannotBeMeantAreRefused(t *testing.T) {
	for _, line := range []string{
		"--target=calico", "--workers=0", "--kube-api-qps=NaN", "--kube-api-qps=0", "--kube-api-burst=0", "--log-format=xml", "extra",
		"--cluster-cidr=10.0.0.0/33", "--node-local-dns=fe80::1%eth0", "--node-local-dns=x", "--dns-service=a", "--dns-service=a/b/c", "--dns-service=/b",
	} {
		if _, err := parseFlags(strings.Fields(line), &bytes.Buffer{}); err == nil {
			t.Errorf("%s is taken", line)
		}
	}
	if _, err := parseFlags(nil, &bytes.Buffer{}); err != nil {
		t.Errorf("without flags: %v", err)
	}
}

// FuzzFlags: whatever is on the command line, it is taken or refused with words,
// and what is taken can be used.
func FuzzFlags(f *testing.F) {
	for _, line := range []string{
		"", "--target=cilium --workers=0", "--cluster-cidr=10.0.0.0/33", "--cluster-cidr 10.0.0.1/8 --node-local-dns fe80::1%eth0",
		"--dns-service=a/b/c", "--dns-service=/", "--kube-api-qps=NaN --kube-api-burst=-1", "--log-format=xml", "-v=-9", "--version", "-h", "x", "--protected-namespace= --protected-namespace=a",
	} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		var out bytes.Buffer
		flags, err := parseFlags(strings.Fields(line), &out)
		if err != nil && err.Error() == "" || err == nil && flags == nil && out.Len() == 0 {
			t.Errorf("%q: nothing is said", line)
		}
		if flags == nil || err != nil || flags.catalogue != "" {
			return
		}
		if flags.workers < 1 || !(flags.qps > 0) || flags.burst < 1 {
			t.Errorf("%q: %d workers, %v requests a second, %d at once", line, flags.workers, flags.qps, flags.burst)
		}
		if _, err := flags.settings(); err != nil {
			t.Errorf("%q: %v", line, err)
		}
		flags.logger(&out).Info("it writes")
	})
}
