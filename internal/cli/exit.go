package cli

import (
	"errors"
	"fmt"
)

// The exit codes.
const (
	ExitYes     = 0
	ExitNo      = 1
	ExitUnknown = 2
)

// An answerError is an answer that is no: it was printed already, and only the
// exit code is left to give.
type answerError struct{ code int }

func (e *answerError) Error() string { return fmt.Sprintf("exit code %d", e.code) }

// errNo is the answer no.
var errNo error = &answerError{ExitNo}

// errPartly is an answer that was given although not all could be read.
var errPartly error = &answerError{ExitUnknown}

// errUnclear is an answer that nobody can give: it was printed, with what is not
// clear.
var errUnclear error = &answerError{ExitUnknown}

// codeOf returns the exit code of a command's error.
func codeOf(err error) int {
	if err == nil {
		return ExitYes
	}
	if answer, ok := errors.AsType[*answerError](err); ok {
		return answer.code
	}
	return ExitUnknown
}

// answered reports whether the error is an answer that was printed already.
func answered(err error) bool {
	_, ok := errors.AsType[*answerError](err)
	return ok
}
