package verdict

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

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

// A reading is what one object says, whatever others say. It is not changed once
// it is made: judges share it.
type reading struct {
	specs []*spec
	// group is of a CiliumCIDRGroup.
	group *group
	// unread is a CiliumCIDRGroup that is not understood.
	unread *Policy
	// names are the selectors of its toFQDNs rules.
	names names
}

// read returns what an object says. What is not understood of it becomes one
// opaque spec.
func (s Semantics) read(obj *unstructured.Unstructured) reading {
	if obj == nil || obj.Object == nil {
		return reading{specs: []*spec{{opaque: "it is no object", overrules: true}}}
	}
	policy := Policy{Kind: obj.GetKind(), Namespace: obj.GetNamespace(), Name: obj.GetName()}
	r := reader{Semantics: s, reading: reading{names: names{}}}
	err := r.understand(policy, obj)
	if err == nil {
		return r.reading
	}
	if policy.Kind == "CiliumCIDRGroup" {
		return reading{unread: &policy}
	}
	// The names that it asks for are known all the same: addresses may bear them.
	return reading{specs: []*spec{opaque(policy, obj.GetAPIVersion(), err)}, names: r.reading.names}
}

// A reader reads one object.
type reader struct {
	Semantics
	reading reading
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
func (r *reader) understand(policy Policy, obj *unstructured.Unstructured) (err error) {
	// Some decoders of Cilium panic on what an API server refuses.
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("it cannot be decoded (%v)", p)
		}
	}()
	kind := obj.GetAPIVersion() + " " + obj.GetKind()
	switch {
	case kind == networkingVersion+" NetworkPolicy":
		return r.readNetworkPolicy(policy, obj)
	case r.Engine == NetworkPolicy:
		return fmt.Errorf("a plain NetworkPolicy plugin does not know %s", kind)
	case kind == ciliumVersion+" CiliumNetworkPolicy", kind == ciliumVersion+" CiliumClusterwideNetworkPolicy":
		return r.readCilium(policy, obj)
	case kind == ciliumVersion+" CiliumCIDRGroup":
		return r.readGroup(policy, obj)
	}
	return fmt.Errorf("%s is a kind or version that is not judged here", kind)
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
			if found := inspect(value).under(f); found != nil {
				return found
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

// namespaceOf returns the namespace of a namespaced policy: Cilium takes an
// absent one for "default".
func namespaceOf(p Policy) string {
	if p.Namespace == "" {
		return "default"
	}
	return p.Namespace
}
