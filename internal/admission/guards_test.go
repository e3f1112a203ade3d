package admission_test

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/medfence/medfence/internal/admission"
)

// An outcome is what becomes of a request where the guard denies.
type outcome int

const (
	// passes: in silence, in each mode.
	passes outcome = iota
	// advised: with a warning, unless the guard is off.
	advised
	// refused: with the same words as a warning where the guard only warns.
	refused
)

// A scene is a request of somebody.
type scene struct {
	name string
	who  string
	ask  ask
	want outcome
	// policy is what speaks; words are some of what it says.
	policy string
	words  []string
}

// scenes of all guards.
func scenes() []scene {
	var out []scene
	for _, s := range [][]scene{ownScenes(), policyScenes(), clusterwideScenes(), podScenes(), serviceScenes(), accessScenes(), labelScenes(), enforceScenes(), unclosedScenes()} {
		out = append(out, s...)
	}
	return out
}

func TestEveryGuardRefusesWarnsOrIsSilentAsItIsTurned(t *testing.T) {
	l := newLab(t, false)
	l.staff()
	l.hospital()
	for _, mode := range []admission.Mode{admission.Deny, admission.Warn, admission.Off} {
		l.install(mode)
		all := scenes()
		// Policies come into force, and go, one after the other: whoever is to be
		// refused is heard first.
		for _, complaint := range append(l.insist(all, mode), l.once(all, mode)...) {
			t.Errorf("%s: %s", mode, complaint)
		}
		if mode != admission.Off {
			l.checked(all, mode)
		}
	}
}

// insist waits until every scene that is not of passing goes as expected, and
// returns what is wrong with those that do not.
func (l *lab) insist(all []scene, mode admission.Mode) []string {
	left := slices.DeleteFunc(slices.Clone(all), func(s scene) bool { return s.want == passes })
	for deadline := time.Now().Add(patience); ; {
		var wrong []string
		left = slices.DeleteFunc(left, func(s scene) bool {
			err := l.play(s, mode)
			if err != nil {
				wrong = append(wrong, fmt.Sprintf("%s: %v", s.name, err))
			}
			return err == nil
		})
		if len(left) == 0 || time.Now().After(deadline) {
			return wrong
		}
	}
}

// once plays the scenes of passing.
func (l *lab) once(all []scene, mode admission.Mode) []string {
	var wrong []string
	for _, s := range all {
		if s.want != passes {
			continue
		}
		if err := l.play(s, mode); err != nil {
			wrong = append(wrong, fmt.Sprintf("%s: %v", s.name, err))
		}
	}
	return wrong
}

// play asks, and returns what is other than expected.
func (l *lab) play(s scene, mode admission.Mode) error {
	p := l.people[s.who]
	if p == nil {
		return fmt.Errorf("nobody is called %s", s.who)
	}
	p.ears.take()
	err := s.ask(l.Context(), p)
	heard := p.ears.take()
	want := s.want
	switch {
	case mode == admission.Off:
		want = passes
	case mode == admission.Warn && want == refused:
		want = advised
	}
	said := heard
	switch want {
	case passes:
		if err != nil || strings.Contains(heard, "medfence-") {
			return fmt.Errorf("it does not pass in silence: %w; warnings: %s", err, heard)
		}
		return nil
	case advised:
		if err != nil || !strings.Contains(heard, "'"+s.policy+"'") {
			return fmt.Errorf("it is not advised by %s: %w; warnings: %s", s.policy, err, heard)
		}
	case refused:
		if err == nil || !strings.Contains(err.Error(), "'"+s.policy+"'") || !strings.Contains(err.Error(), "denied request") {
			return fmt.Errorf("it is not refused by %s: %w; warnings: %s", s.policy, err, heard)
		}
		said = err.Error()
	}
	for _, w := range s.words {
		if !strings.Contains(said, w) {
			return fmt.Errorf("it does not say %q but %q", w, said)
		}
	}
	return nil
}

// checked looks at what the API server thinks of the policies, whether each has
// a scene, and whether the audit log has their words.
func (l *lab) checked(all []scene, mode admission.Mode) {
	l.Helper()
	spoken := map[string]bool{}
	for _, s := range all {
		spoken[s.policy] = true
	}
	audit, err := os.ReadFile(l.cluster.AuditLogFile())
	l.must(err)
	installed, err := admission.Install(admission.Options{})
	l.must(err)
	for _, i := range installed {
		name := i.Policy.Name
		if !spoken[name] {
			l.Errorf("no scene for %s", name)
		}
		action := "Warn"
		if mode == admission.Deny && !strings.HasSuffix(name, "-observe") {
			action = "Deny"
		}
		said := regexp.MustCompile(`\\"binding\\":\\"` + name + `\\",\\"expressionIndex\\":\d,\\"validationActions\\":\[\\"` + action + `\\",\\"Audit\\"\]`)
		if !said.Match(audit) {
			l.Errorf("the audit log has no %s", said)
		}
		l.eventually("the API server to check "+name, func() error { return l.typeChecked(name) })
	}
}

func (l *lab) typeChecked(name string) error {
	o := &unstructured.Unstructured{}
	o.SetAPIVersion("admissionregistration.k8s.io/v1")
	o.SetKind("ValidatingAdmissionPolicy")
	o.SetName(name)
	if err := l.root.Get(l.Context(), keyOf(o), o); err != nil {
		return err
	}
	seen, _, err := unstructured.NestedInt64(o.Object, "status", "observedGeneration")
	if err != nil || seen == 0 {
		return errors.Join(errors.New("it has not been checked"), err)
	}
	warnings, _, err := unstructured.NestedSlice(o.Object, "status", "typeChecking", "expressionWarnings")
	if len(warnings) > 0 {
		l.Errorf("%s: %v", name, warnings)
	}
	return err
}
