package main

import (
	"bytes"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/medfence/medfence/internal/admission"
	"github.com/medfence/medfence/internal/strongauth"
)

// A rulebook is what becomes of admission policies in the chart.
type rulebook struct {
	from      string // the package that makes them
	installed []admission.Installed
	mode      func(guard string) string // the expression of a mode
	values    *strings.Replacer         // what the values decide
}

// guards returns the templates of the admission guards, each in the mode that
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
	return rulebook{
		from: "internal/admission", installed: installed, values: strings.NewReplacer(),
		mode: func(guard string) string { return fmt.Sprintf(`include "medfence.guard" (list . %q)`, guard) },
	}.templates()
}

// exemptUsers stands for the users that the values exempt.
const exemptUsers = "EXEMPT"

// secondFactor returns the templates of what asks for strong authentication.
func secondFactor() (map[string][]byte, error) {
	installed, err := strongauth.Install(strongauth.Options{Exempt: []string{exemptUsers}, Mode: admission.Deny})
	if err != nil {
		return nil, fmt.Errorf("making strong authentication: %w", err)
	}
	return rulebook{
		from: "internal/strongauth", installed: installed,
		mode: func(string) string { return `include "medfence.strongAuthentication" .` },
		values: strings.NewReplacer(
			"'"+exemptUsers+"',\n", "{{ range .Values.admission.strongAuthentication.exempt }}'{{ . }}', {{ end }}\n",
			"'"+strongauth.DefaultKey+"'", "'{{ .Values.admission.strongAuthentication.key }}'",
		),
	}.templates()
}

// templates returns a file for each guard.
func (b rulebook) templates() (map[string][]byte, error) {
	open := map[string]*bytes.Buffer{}
	for _, i := range b.installed {
		file, ok := open[i.Guard]
		if !ok {
			file = &bytes.Buffer{}
			fmt.Fprintf(file, header, b.from)
			open[i.Guard] = file
		}
		for _, object := range []any{i.Policy, i.Binding} {
			text, err := b.template(i.Guard, object)
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

// template returns the template of one object of a guard.
func (b rulebook) template(guard string, object any) ([]byte, error) {
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		return nil, fmt.Errorf("converting an object: %w", err)
	}
	t, err := newTemplate(content)
	if err != nil {
		return nil, err
	}
	mode := b.mode(guard)
	t.when = fmt.Sprintf(`ne (%s) "off"`, mode)
	// What only ever warns (zones in Observe) has no Deny to replace.
	t.edit = func(text string) string {
		return b.values.Replace(strings.Replace(text, "- Deny\n", "- {{ "+mode+" | title }}\n", 1))
	}
	return t.text()
}
