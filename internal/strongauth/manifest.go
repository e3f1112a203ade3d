package strongauth

import (
	"fmt"

	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"github.com/medfence/medfence/internal/admission"
)

// Manifests returns a file for each kind, named after it; none if the mode is
// off.
func Manifests(o Options) ([]admission.Manifest, error) {
	installed, err := Install(o)
	if err != nil {
		return nil, err
	}
	var out []admission.Manifest
	for _, i := range installed {
		text := []byte("# Written by `make generate` from internal/strongauth.\n")
		for n, object := range []any{i.Policy, i.Binding} {
			content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
			if err != nil {
				return nil, fmt.Errorf("writing strong authentication of %s: %w", i.Guard, err)
			}
			delete(content, "status")
			document, err := yaml.Marshal(content)
			if err != nil {
				return nil, fmt.Errorf("writing strong authentication of %s: %w", i.Guard, err)
			}
			if n > 0 {
				text = append(text, "---\n"...)
			}
			text = append(text, document...)
		}
		out = append(out, admission.Manifest{Name: i.Guard + ".yaml", Text: text})
	}
	return out, nil
}
