package controllers

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

var (
	policyResource = schema.GroupResource{Group: "networking.k8s.io", Resource: "networkpolicies"}

	errBusy    = apierrors.NewTooManyRequests("busy", 1)
	errRefused = apierrors.NewForbidden(policyResource, "p", errors.New("no"))
	errBroken  = &url.Error{Op: "Post", URL: "https://api", Err: io.ErrUnexpectedEOF}
)

func TestWhichFailuresPassByThemselves(t *testing.T) {
	cases := map[string]struct {
		err  error
		want bool
	}{
		"too many requests":     {errBusy, true},
		"an internal error":     {apierrors.NewInternalError(errors.New("etcd")), true},
		"unavailable":           {apierrors.NewServiceUnavailable("later"), true},
		"a timeout":             {apierrors.NewTimeoutError("slow", 1), true},
		"a server's timeout":    {apierrors.NewServerTimeout(policyResource, "create", 1), true},
		"a lost race":           {apierrors.NewConflict(policyResource, "p", errors.New("changed")), true},
		"a broken connection":   {errBroken, true},
		"forbidden":             {errRefused, false},
		"invalid":               {apierrors.NewInvalid(schema.GroupKind{Kind: "NetworkPolicy"}, "p", nil), false},
		"one of ours":           {errors.New("it names no owner"), false},
		"wrapped":               {fmt.Errorf("applying: %w", errBusy), true},
		"several":               {fmt.Errorf("applying: %w", errors.Join(errBusy, errBroken)), true},
		"several and a refusal": {fmt.Errorf("applying: %w", errors.Join(errBusy, fmt.Errorf("creating: %w", errRefused))), false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := transient(tc.err); got != tc.want {
				t.Errorf("transient(%v) = %v", tc.err, got)
			}
		})
	}
}

func TestAFailureIsToldWhenItLastsOrWillNotPass(t *testing.T) {
	begin := time.Now()
	steps := []struct {
		zone  string
		after time.Duration
		err   error
		want  bool // nothing is told
	}{
		{"a", 0, errBusy, true},
		{"a", blipWait - time.Millisecond, errBroken, true},
		{"b", blipWait, errBusy, true}, // another zone, at its first
		{"a", blipWait, errBusy, false},
		{"a", 2 * blipWait, nil, false},
		{"a", 2 * blipWait, errBusy, true}, // anew
		{"a", 2 * blipWait, errRefused, false},
		{"b", 2 * blipWait, errBusy, false},
	}
	b := newBlips()
	for i, s := range steps {
		if got := b.passing(s.zone, s.err, begin.Add(s.after)); got != s.want {
			t.Errorf("step %d: passing(%s, %v) after %s = %v", i, s.zone, s.err, s.after, got)
		}
	}
	if len(b.since) != 2 {
		t.Errorf("remembers %v", b.since)
	}
}
