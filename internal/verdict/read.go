package verdict

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	slimmetav1 "github.com/cilium/cilium/pkg/k8s/slim/k8s/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	kjson "sigs.k8s.io/json"
)

const (
	networkingVersion = "networking.k8s.io/v1"
	ciliumVersion     = "cilium.io/v2"
	policyGroup       = "policy.networking.k8s.io"
)

// Unstructured returns a typed object as an API server would return it. What a
// Go client does not write (empty lists, for some types) is not there; give what
// others wrote as it was read.
func Unstructured(obj any) (*unstructured.Unstructured, error) {
	raw, err := json.Marshal(obj)
	if err != nil {
		return nil, fmt.Errorf("marshalling: %w", err)
	}
	out := &unstructured.Unstructured{}
	if err := json.Unmarshal(raw, &out.Object); err != nil {
		return nil, fmt.Errorf("unmarshalling: %w", err)
	}
	return out, nil
}

// read returns the specs of an object. What it does not understand becomes one
// opaque spec.
func (j *Judge) read(obj *unstructured.Unstructured) []*spec {
	if obj == nil || obj.Object == nil {
		return []*spec{{opaque: "it is no object", overrules: true}}
	}
	policy := Policy{Kind: obj.GetKind(), Namespace: obj.GetNamespace(), Name: obj.GetName()}
	specs, err := j.understand(policy, obj)
	if err == nil {
		return specs
	}
	if policy.Kind == "CiliumCIDRGroup" {
		j.groups.opaque = append(j.groups.opaque, policy)
		return nil
	}
	return []*spec{opaque(policy, obj.GetAPIVersion(), err)}
}

// opaque returns a spec that may do anything to what it may select: the pods of
// its namespace where the kind is known to be bound to it, else everything. It
// may beat a deny rule, unless it is of a kind without tiers, or has nothing in
// it but known fields.
func opaque(policy Policy, version string, err error) *spec {
	s := &spec{policy: policy, opaque: err.Error(), overrules: true}
	known := policy.Kind == "NetworkPolicy" && version == networkingVersion ||
		policy.Kind == "CiliumNetworkPolicy" && version == ciliumVersion
	if known {
		s.namespace = namespaceOf(policy)
	}
	var refused refusedError
	if errors.As(err, &refused) || policy.Kind == "NetworkPolicy" && known {
		s.overrules = false
	}
	return s
}

// A refusedError is an object of which every field is known but which Cilium or
// the API server would refuse. What is in force instead cannot be told.
type refusedError string

func (e refusedError) Error() string { return string(e) }

func refused(format string, args ...any) error { return refusedError(fmt.Sprintf(format, args...)) }

// understand reads an object, or says why it cannot.
func (j *Judge) understand(policy Policy, obj *unstructured.Unstructured) (specs []*spec, err error) {
	// Some decoders of Cilium panic on what an API server refuses.
	defer func() {
		if p := recover(); p != nil {
			specs, err = nil, fmt.Errorf("it cannot be decoded (%v)", p)
		}
	}()
	kind := obj.GetAPIVersion() + " " + obj.GetKind()
	switch {
	case kind == networkingVersion+" NetworkPolicy":
		return j.readNetworkPolicy(policy, obj)
	case j.semantics.Engine == NetworkPolicy:
		return nil, fmt.Errorf("a plain NetworkPolicy plugin does not know %s", kind)
	case kind == ciliumVersion+" CiliumNetworkPolicy", kind == ciliumVersion+" CiliumClusterwideNetworkPolicy":
		return j.readCilium(policy, obj)
	case kind == ciliumVersion+" CiliumCIDRGroup":
		return nil, j.readGroup(policy, obj)
	}
	return nil, fmt.Errorf("%s is a kind or version that is not judged here", kind)
}

// decode reads the object into a type, to the last field. The types of Cilium
// that decode themselves ignore fields that they do not know: their places are
// looked at one by one.
func decode(obj *unstructured.Unstructured, into any, fields ...string) error {
	for key := range obj.Object {
		if !slices.Contains(fields, key) && !slices.Contains([]string{"apiVersion", "kind", "metadata", "status"}, key) {
			return fmt.Errorf("it has a field %q", key)
		}
	}
	content := map[string]any{}
	for _, f := range fields {
		if value, ok := obj.Object[f]; ok {
			if err := inspect(value, f); err != nil {
				return err
			}
			content[f] = value
		}
	}
	raw, err := json.Marshal(content)
	if err != nil {
		return fmt.Errorf("it cannot be written down: %w", err)
	}
	return strict(raw, into)
}

// strict decodes; a field that the type does not have is an error.
func strict(raw []byte, into any) error {
	unknown, err := kjson.UnmarshalStrict(raw, into)
	if err != nil {
		return fmt.Errorf("it cannot be decoded: %w", err)
	}
	if len(unknown) > 0 {
		return fmt.Errorf("it has what is not known here: %w", errors.Join(unknown...))
	}
	return nil
}

// selectorFields are the fields that hold a selector, or a list of them.
var selectorFields = []string{
	"endpointSelector", "nodeSelector", "fromEndpoints", "toEndpoints", "fromNodes", "toNodes",
	"cidrGroupSelector", "podSelector", "namespaceSelector",
}

// inspect looks at what the decoders would let pass.
func inspect(value any, path string) error {
	switch v := value.(type) {
	case map[string]any:
		for key, child := range v {
			at := path + "." + key
			var err error
			switch {
			case slices.Contains(selectorFields, key):
				err = inspectSelectors(child, at)
			case key == "icmps":
				err = inspectICMPs(child, at)
			default:
				err = inspect(child, at)
			}
			if err != nil {
				return err
			}
		}
	case []any:
		for i, child := range v {
			if child == nil {
				return fmt.Errorf("%s[%d] is null", path, i)
			}
			if err := inspect(child, fmt.Sprintf("%s[%d]", path, i)); err != nil {
				return err
			}
		}
	}
	return nil
}

func inspectSelectors(value any, path string) error {
	list, ok := value.([]any)
	if !ok {
		list = []any{value}
	}
	for i, item := range list {
		if item == nil {
			return fmt.Errorf("%s[%d] is null", path, i)
		}
		raw, err := json.Marshal(item)
		if err != nil {
			return fmt.Errorf("%s cannot be written down: %w", path, err)
		}
		if err := strict(raw, &slimmetav1.LabelSelector{}); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return nil
}

// inspectICMPs asks for a type in every field: Cilium's decoder panics without.
func inspectICMPs(value any, path string) error {
	rules, _ := value.([]any)
	for i, r := range rules {
		rule, _ := r.(map[string]any)
		fields, _ := rule["fields"].([]any)
		for k, f := range fields {
			field, ok := f.(map[string]any)
			if !ok || field["type"] == nil {
				return fmt.Errorf("%s[%d].fields[%d] has no type", path, i, k)
			}
			for key := range field {
				if key != "type" && key != "family" {
					return fmt.Errorf("%s[%d].fields[%d] has a field %q", path, i, k, key)
				}
			}
		}
	}
	return nil
}

// namespaceOf returns the namespace of a namespaced policy: Cilium takes an
// absent one for "default".
func namespaceOf(p Policy) string {
	if p.Namespace == "" {
		return "default"
	}
	return p.Namespace
}
