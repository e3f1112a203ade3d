package main

import (
	"os"
	"testing"

	"k8s.io/client-go/features"
)

func TestListsArePreferredUnlessTheEnvironmentAsksForStreams(t *testing.T) {
	t.Setenv(watchListVariable, "true")
	if err := preferLists(); err != nil {
		t.Fatal(err)
	}
	if !features.FeatureGates().Enabled(features.WatchListClient) {
		t.Error("the environment asks for streams, and lists are preferred")
	}
	if err := os.Unsetenv(watchListVariable); err != nil { // t.Setenv puts back what was
		t.Fatal(err)
	}
	if err := preferLists(); err != nil {
		t.Fatal(err)
	}
	if features.FeatureGates().Enabled(features.WatchListClient) {
		t.Error("nobody asks for streams, and they are used")
	}
}
