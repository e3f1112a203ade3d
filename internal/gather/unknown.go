package gather

import (
	"context"
	"errors"
)

// An UnknownError says that something the compiler must know cannot be known
// now. What is in force stays in force.
type UnknownError struct {
	// Message is one stable sentence for the user: what is unknown, and what to
	// do about it.
	Message string
}

func (e *UnknownError) Error() string { return e.Message }

// AsUnknown returns the UnknownError in err's chain, if there is one.
func AsUnknown(err error) (*UnknownError, bool) {
	var unknown *UnknownError
	ok := errors.As(err, &unknown)
	return unknown, ok
}

// Kinds tells whether the lists of Medfence's own kinds can be trusted. While a
// CRD is missing or being deleted its objects go one by one, and no user meant
// that.
type Kinds interface {
	// Check returns an UnknownError when the objects that a zone's pass listed
	// cannot be trusted to be all.
	Check(ctx context.Context, zone string, listed Listed) error
}

// Listed are the UIDs of the objects of Medfence's own kinds that a pass found.
type Listed struct{ Zones, Conduits, Devices []string }
