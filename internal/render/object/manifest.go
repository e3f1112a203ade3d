package object

import (
	"encoding/json"
	"fmt"
)

// Manifest returns the objects as YAML documents, as kubectl would apply them:
// without the empty status that Cilium's types write.
func Manifest(objects []Object) ([]byte, error) {
	e := emitter{quoted: map[string]string{}}
	for i, o := range objects {
		fields, err := Fields(o.KubeObject)
		if err != nil {
			return nil, fmt.Errorf("writing %s %s: %w", o.Kind(), o.GetName(), err)
		}
		if i > 0 {
			e.out.WriteString("---\n")
		}
		if err := e.object(fields); err != nil {
			return nil, fmt.Errorf("writing %s %s: %w", o.Kind(), o.GetName(), err)
		}
	}
	return e.out.Bytes(), nil
}

// Fields returns the object as it is sent: what JSON makes of it, without
// status.
func Fields(o KubeObject) (map[string]any, error) {
	raw, err := json.Marshal(o)
	if err != nil {
		return nil, fmt.Errorf("marshalling: %w", err)
	}
	var fields map[string]any
	if err := json.Unmarshal(raw, &fields); err != nil {
		return nil, fmt.Errorf("unmarshalling: %w", err)
	}
	delete(fields, "status")
	return fields, nil
}
