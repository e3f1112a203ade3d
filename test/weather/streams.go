package weather

import (
	"io"
	"time"
)

// A dribble is an answer that arrives in drops.
type dribble struct{ io.ReadCloser }

func (d *dribble) Read(p []byte) (int, error) {
	time.Sleep(2 * time.Millisecond)
	return d.ReadCloser.Read(p[:min(len(p), 512)])
}

// A late is a stream of which everything arrives so much later.
type late struct {
	body   io.ReadCloser
	chunks chan chunk
	rest   []byte
}

type chunk struct {
	due  time.Time
	data []byte
	err  error
}

func newLate(body io.ReadCloser, by time.Duration) *late {
	l := &late{body: body, chunks: make(chan chunk, 4096)}
	go func() {
		defer close(l.chunks)
		for {
			buffer := make([]byte, 32<<10)
			n, err := body.Read(buffer)
			l.chunks <- chunk{time.Now().Add(by), buffer[:n], err}
			if err != nil {
				return
			}
		}
	}()
	return l
}

func (l *late) Read(p []byte) (int, error) {
	if len(l.rest) == 0 {
		next, more := <-l.chunks
		if !more {
			return 0, io.EOF
		}
		time.Sleep(time.Until(next.due))
		if len(next.data) == 0 {
			return 0, next.err
		}
		l.rest = next.data // an error that came with it ends the chunks
	}
	n := copy(p, l.rest)
	l.rest = l.rest[n:]
	return n, nil
}

func (l *late) Close() error { return l.body.Close() }
