package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestChoicesAreWrittenToStandardOutput(t *testing.T) {
	var out bytes.Buffer
	err := run([]string{"-mode", "own-objects=warn", "-mode", "side-doors=off", "-namespace", "segmentation", "-protected-namespace", "vault"}, &out)
	if err != nil {
		t.Fatal(err)
	}
	text := out.String()
	for _, want := range []string{"name: medfence-own-objects", "system:serviceaccount:segmentation:medfence-operator", "- vault"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q", want)
		}
	}
	if strings.Contains(text, "side-doors") {
		t.Error("side-doors is off and written")
	}
}

func TestFilesAreWrittenToAFolder(t *testing.T) {
	dir := t.TempDir()
	if err := run([]string{"-out", dir}, &bytes.Buffer{}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"own-objects", "foreign-policies", "side-doors", "security-labels", "enforce-unregistered", "unclosed-namespace"} {
		got, err := os.ReadFile(filepath.Join(dir, name+".yaml"))
		want, _ := os.ReadFile(filepath.Join("../../../config/admission", name+".yaml"))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not that of config/admission (%v)", name, err)
		}
	}
	if err := run([]string{"-out", filepath.Join(dir, "none")}, &bytes.Buffer{}); err == nil {
		t.Error("a folder that does not exist is taken")
	}
}

func TestMistakesAreTold(t *testing.T) {
	for _, args := range [][]string{{"-mode", "own-objects"}, {"-mode", "x=deny"}, {"-nope"}} {
		if err := run(args, &bytes.Buffer{}); err == nil {
			t.Errorf("%v is taken", args)
		}
	}
}
