package controllers

import (
	"testing"

	"k8s.io/apimachinery/pkg/types"
)

func TestADisguiseIsNewOnceInEachVersion(t *testing.T) {
	d := &disguises{known: map[types.UID]string{}}
	for i, step := range []struct {
		versions map[types.UID]string
		want     bool
	}{
		{nil, false},
		{map[types.UID]string{"a": "1"}, true},
		{map[types.UID]string{"a": "1"}, false},
		{map[types.UID]string{"a": "1", "b": "7"}, true},
		{map[types.UID]string{"b": "7"}, false},
		{map[types.UID]string{"a": "2"}, true}, // widened since
		{map[types.UID]string{"a": "2", "b": "7"}, false},
	} {
		if got := d.new(step.versions); got != step.want {
			t.Errorf("step %d: got %t, want %t", i, got, step.want)
		}
	}
}
