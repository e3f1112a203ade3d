package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFilesAreThoseOfConfig(t *testing.T) {
	dir := t.TempDir()
	if err := run([]string{"-out", dir}, &bytes.Buffer{}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"conduits", "devicezones", "medicaldevices"} {
		got, err := os.ReadFile(filepath.Join(dir, name+".yaml"))
		want, _ := os.ReadFile(filepath.Join("../../../config/strong-authentication", name+".yaml"))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not that of config/strong-authentication (%v)", name, err)
		}
	}
	if err := run([]string{"-out", filepath.Join(dir, "none")}, &bytes.Buffer{}); err == nil {
		t.Error("a folder that does not exist is taken")
	}
}

func TestChoicesAreWrittenToStandardOutput(t *testing.T) {
	for name, tc := range map[string]struct {
		args       []string
		has, hasNo []string
	}{
		"a key and accounts": {
			args:  []string{"-key", "hospital.example/second-factor", "-exempt", "system:serviceaccount:flux-system:medfence-zones", "-exempt", "jenkins", "-operator", "system:serviceaccount:s:o"},
			has:   []string{"'hospital.example/second-factor' in", "system:serviceaccount:flux-system:medfence-zones", "'jenkins'", "system:serviceaccount:s:o"},
			hasNo: []string{"argocd", "medfence.io/mfa"},
		},
		"nobody":    {args: []string{"-exempt", ""}, has: []string{"medfence-operator"}, hasNo: []string{"argocd", "in [''"}},
		"a warning": {args: []string{"-mode", "warn"}, has: []string{"- Warn\n"}, hasNo: []string{"- Deny"}},
		"nothing":   {args: []string{"-mode", "off"}, hasNo: []string{"kind"}},
	} {
		var out bytes.Buffer
		if err := run(tc.args, &out); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, w := range tc.has {
			if !strings.Contains(out.String(), w) {
				t.Errorf("%s: no %q", name, w)
			}
		}
		for _, w := range tc.hasNo {
			if strings.Contains(out.String(), w) {
				t.Errorf("%s: it has %q", name, w)
			}
		}
	}
}

func TestMistakesAreTold(t *testing.T) {
	for want, args := range map[string][]string{
		"is not a key of userInfo.extra": {"-key", "mfa"},
		"is not a key":                   {"-key", "Medfence.io/mfa"},
		"is not a key of":                {"-key", "medfence.io/it's"},
		"there are no patterns":          {"-exempt", "system:serviceaccount:argocd:*"},
		"is not a user name":             {"-operator", "o'neill"},
		"is not a mode":                  {"-mode", "maybe"},
		"not defined":                    {"-nope"},
	} {
		if err := run(args, &bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", args, err, want)
		}
	}
}
