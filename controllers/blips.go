package controllers

import (
	"errors"
	"net/url"
	"slices"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// blipWait is for how long a zone may fail to write, for reasons that pass by
// themselves, before its status tells. Statuses that follow every blip of an API
// server would write thousands of devices twice, and wake somebody at night for
// what is over when they look.
const blipWait = 5 * time.Second

// blips remembers since when zones fail to write.
type blips struct {
	mu    sync.Mutex
	since map[string]time.Time
}

func newBlips() *blips { return &blips{since: map[string]time.Time{}} }

// passing reports whether a failure is likely to be over soon and nothing to
// tell yet. No error ends what was remembered.
func (b *blips) passing(zone string, err error, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err == nil {
		delete(b.since, zone)
		return false
	}
	since, failing := b.since[zone]
	if !failing {
		since = now
		b.since[zone] = now
	}
	return transient(err) && now.Sub(since) < blipWait
}

// transient reports whether all of an error comes from an API server, or the
// way to it, that cannot answer now; not from one that refuses.
func transient(err error) bool {
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) {
		return !slices.ContainsFunc(joined.Unwrap(), func(part error) bool { return !transient(part) })
	}
	switch apierrors.ReasonForError(err) {
	case metav1.StatusReasonTooManyRequests, metav1.StatusReasonInternalError, metav1.StatusReasonServiceUnavailable,
		metav1.StatusReasonServerTimeout, metav1.StatusReasonTimeout, metav1.StatusReasonConflict:
		return true
	case metav1.StatusReasonUnknown:
		_, unanswered := errors.AsType[*url.Error](err)
		return unanswered
	default:
		return false
	}
}
