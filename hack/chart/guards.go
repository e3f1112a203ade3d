package main

import (
	"bytes"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/medfence/medfence/internal/admission"
)

// guards returns the templates of the admission guards: each in the mode that
// its value says, and none at all if that is off.
func guards() (map[string][]byte, error) {
	modes := map[string]admission.Mode{}
	for _, g := range admission.Guards() {
		modes[g.Name] = admission.Deny // off would leave it out
	}
	installed, err := admission.Install(admission.Options{Namespace: defaultNamespace, Modes: modes})
	if err != nil {
		return nil, fmt.Errorf("making the guards: %w", err)
	}
	open := map[string]*bytes.Buffer{}
	for _, i := range installed {
		file, ok := open[i.Guard]
		if !ok {
			file = &bytes.Buffer{}
			fmt.Fprintf(file, header, "internal/admission")
			open[i.Guard] = file
		}
		for _, object := range []any{i.Policy, i.Binding} {
			text, err := guard(i, object)
			if err != nil {
				return nil, fmt.Errorf("guard %s: %w", i.Guard, err)
			}
			file.Write(text)
		}
	}
	out := map[string][]byte{}
	for name, file := range open {
		out[name+".yaml"] = file.Bytes()
	}
	return out, nil
}

// guard returns the template of one object of a guard.
func guard(i admission.Installed, object any) ([]byte, error) {
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		return nil, fmt.Errorf("converting an object: %w", err)
	}
	t, err := newTemplate(content)
	if err != nil {
		return nil, err
	}
	mode := fmt.Sprintf(`include "medfence.guard" (list . %q)`, i.Guard)
	t.when = fmt.Sprintf(`ne (%s) "off"`, mode)
	// What only ever warns (zones in Observe) has no Deny to replace.
	t.edit = func(text string) string {
		return strings.Replace(text, "- Deny\n", "- {{ "+mode+" | title }}\n", 1)
	}
	return t.text()
}
