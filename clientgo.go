package main

import (
	"fmt"
	"os"

	"k8s.io/client-go/features"
)

// watchListVariable is client-go's own: true or false.
const watchListVariable = "KUBE_FEATURE_" + string(features.WatchListClient)

// preferLists has the caches filled by lists instead of by streams (0038), unless
// the environment says what it wants.
func preferLists() error {
	if _, asked := os.LookupEnv(watchListVariable); asked {
		return nil
	}
	gates, ok := features.FeatureGates().(interface {
		Set(features.Feature, bool) error
	})
	if !ok {
		return nil // somebody put other gates in their place
	}
	if err := gates.Set(features.WatchListClient, false); err != nil {
		return fmt.Errorf("choosing lists: %w", err)
	}
	return nil
}
