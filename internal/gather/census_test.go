package gather

import (
	"errors"
	"testing"
)

// An identity that comes while others are counted may be missing in that count: it is
// used, and not kept.
func TestACountThatWasOvertakenIsNotKept(t *testing.T) {
	c, counted := &Census{}, 0
	count := func(during func()) map[string]int {
		t.Helper()
		got, err := c.take(func() (map[string]int, error) {
			counted++
			during()
			return map[string]int{"icu": counted}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	for i, step := range []struct {
		during func()
		want   int
	}{{c.Forget, 1}, {func() {}, 2}, {c.Forget, 2}, {c.Forget, 2}} {
		if got := count(step.during)["icu"]; got != step.want {
			t.Errorf("step %d: count %d is used, want %d", i, got, step.want)
		}
	}
	c.Forget()
	failed := errors.New("no list")
	if _, err := c.take(func() (map[string]int, error) { return nil, failed }); !errors.Is(err, failed) {
		t.Errorf("a count that failed: %v", err)
	}
	if got := count(func() {})["icu"]; got != 3 {
		t.Errorf("after one that failed, count %d is used", got)
	}
}
