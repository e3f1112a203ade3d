package cli

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"

	"github.com/medfence/medfence/internal/report"
)

// Streams are where a command reads and prints, and the clock by which conduits
// begin and expire.
type Streams struct {
	In     io.Reader
	Out    io.Writer
	ErrOut io.Writer
	// Now is the clock; nil is the machine's.
	Now func() time.Time
	// Getenv reads the environment; nil is the machine's.
	Getenv func(string) string
}

func (s Streams) now() time.Time {
	if s.Now != nil {
		return s.Now()
	}
	return time.Now()
}

func (s Streams) getenv(name string) string {
	if s.Getenv != nil {
		return s.Getenv(name)
	}
	return os.Getenv(name)
}

// defaultWidth is that of a terminal that does not tell.
const defaultWidth = 100

// terminal returns the width of a terminal, or false for a file or pipe.
func terminal(w io.Writer) (int, bool) {
	file, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return 0, false
	}
	width, _, err := term.GetSize(int(file.Fd()))
	if err != nil || width <= 0 {
		width = defaultWidth
	}
	return width, true
}

// style returns how to print on a stream: colours on a terminal, unless the
// flag or NO_COLOR (https://no-color.org) says otherwise.
func (s Streams) style(w io.Writer, color string) report.Style {
	width, isTerminal := terminal(w)
	style := report.Style{Width: width}
	switch color {
	case "always":
		style.Color = true
	case "auto":
		style.Color = isTerminal && s.getenv("NO_COLOR") == "" && s.getenv("TERM") != "dumb"
	}
	return style
}

// note prints a remark on stderr.
func (c *common) note(format string, args ...any) {
	if !c.quiet {
		fmt.Fprintf(c.streams.ErrOut, format+"\n", args...)
	}
}

// slow is after how long a step says what it does.
const slow = time.Second

// step runs a part of the work. On a terminal it says what it does where that
// takes more than a second.
func (c *common) step(what string, work func() error) error {
	if _, isTerminal := terminal(c.streams.ErrOut); c.quiet || !isTerminal {
		return work()
	}
	timer := time.AfterFunc(slow, func() { fmt.Fprintf(c.streams.ErrOut, "%s ...\n", what) })
	defer timer.Stop()
	return work()
}
