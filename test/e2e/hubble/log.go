package hubble

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// A Log holds the flows of some files that agents write to, by packet.
type Log struct {
	mu    sync.Mutex
	files []*file
	flows map[Key][]Flow
	total int
}

// A file is one that grows.
type file struct {
	path   string
	offset int64
	rest   []byte // of a line that is not whole yet
}

// Follow returns the log of files, which need not exist yet.
func Follow(paths ...string) *Log {
	l := &Log{flows: map[Key][]Flow{}}
	for _, p := range paths {
		l.files = append(l.files, &file{path: p})
	}
	return l
}

// Read reads what is new.
func (l *Log) Read() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range l.files {
		if err := l.readFile(f); err != nil {
			return err
		}
	}
	return nil
}

func (l *Log) readFile(f *file) error {
	in, err := os.Open(f.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading flows: %w", err)
	}
	defer func() { _ = in.Close() }()
	content, err := io.ReadAll(io.NewSectionReader(in, f.offset, 1<<40))
	if err != nil {
		return fmt.Errorf("reading flows: %w", err)
	}
	f.offset += int64(len(content))
	content = append(f.rest, content...)
	end := bytes.LastIndexByte(content, '\n') + 1
	f.rest = bytes.Clone(content[end:])
	for line := range bytes.Lines(content[:end]) {
		flow, ok, err := Parse(line)
		if err != nil {
			return fmt.Errorf("%s: %w", f.path, err)
		}
		if ok {
			l.flows[flow.Key] = append(l.flows[flow.Key], flow)
			l.total++
		}
	}
	return nil
}

// Of returns the flows of a packet since a time.
func (l *Log) Of(k Key, since time.Time) []Flow {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []Flow
	for _, f := range l.flows[k] {
		if !f.Time.Before(since) {
			out = append(out, f)
		}
	}
	return out
}

// Total is how many flows were read.
func (l *Log) Total() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.total
}
