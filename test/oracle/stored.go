package oracle

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// read fills into with what a reader of the API server finds where obj was
// applied: no judge sees more than survives the wire. YAML would say the same
// (a test holds them together) at five times the cost.
func read(obj client.Object, into any) error {
	raw, err := json.Marshal(obj)
	if err != nil {
		return fmt.Errorf("marshalling: %w", err)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("unmarshalling: %w", err)
	}
	return nil
}

// readNetworkPolicy is read, with the one default of the API server that
// changes a verdict: the policy types (an absent protocol means TCP to every
// reader).
func readNetworkPolicy(obj client.Object) (*networkingv1.NetworkPolicy, error) {
	stored := &networkingv1.NetworkPolicy{}
	if err := read(obj, stored); err != nil {
		return nil, err
	}
	if len(stored.Spec.PolicyTypes) == 0 {
		stored.Spec.PolicyTypes = []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}
		if len(stored.Spec.Egress) > 0 {
			stored.Spec.PolicyTypes = append(stored.Spec.PolicyTypes, networkingv1.PolicyTypeEgress)
		}
	}
	return stored, nil
}

// kindOf returns the kind of an object, be it typed or unstructured.
func kindOf(obj client.Object) string {
	if kind := obj.GetObjectKind().GroupVersionKind().Kind; kind != "" {
		return kind
	}
	typeName := fmt.Sprintf("%T", obj)
	return typeName[strings.LastIndex(typeName, ".")+1:]
}

// describe names an object in an error.
func describe(obj client.Object) string {
	parts := []string{kindOf(obj), obj.GetNamespace(), obj.GetName()}
	parts = slices.DeleteFunc(parts, func(s string) bool { return s == "" })
	return strings.Join(parts, "/")
}
