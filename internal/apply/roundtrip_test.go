package apply

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What is compared is exact only if the server gives back what we wrote.
func TestTheServerReturnsExactlyWhatWasRendered(t *testing.T) {
	l := newLab(t)
	set, _ := l.apply(l.ward()...)
	if len(set.Altered) > 0 {
		t.Errorf("altered: %v", set.Altered)
	}
	for _, o := range l.ward() {
		want, err := rendered(o.KubeObject)
		l.must(err)
		got := l.live(atOf(o))
		if got == nil {
			t.Errorf("%s was not written", atOf(o))
			continue
		}
		if diff := cmp.Diff(want.body, bodyOf(got.Object)); diff != "" {
			t.Errorf("%s came back different (-rendered +live):\n%s", atOf(o), diff)
		}
	}
}
