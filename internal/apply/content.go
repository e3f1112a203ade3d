package apply

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utiljson "k8s.io/apimachinery/pkg/util/json"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
)

// A content is all that we own of an object.
type content struct {
	// body are the top-level fields: spec and specs, and whatever else somebody
	// may have added. It is shared and never modified.
	body        map[string]any
	labels      map[string]string
	annotations map[string]string
}

// notOwned are the top-level fields that are not part of a content.
var notOwned = map[string]bool{"apiVersion": true, "kind": true, "metadata": true, "status": true}

// bodyIn returns the body of a rendered object, in the form in which it comes back
// from the API server.
func bodyIn(raw []byte) (map[string]any, error) {
	var fields map[string]any
	if err := utiljson.Unmarshal(raw, &fields); err != nil {
		return nil, fmt.Errorf("unmarshalling: %w", err)
	}
	return bodyOf(fields), nil
}

func bodyOf(fields map[string]any) map[string]any {
	body := map[string]any{}
	for name, value := range fields {
		if !notOwned[name] {
			body[name] = value
		}
	}
	return body
}

// contentOf returns what is ours of a live object.
func contentOf(live *unstructured.Unstructured) content {
	return content{
		body:        bodyOf(live.Object),
		labels:      ourKeys(live.GetLabels()),
		annotations: ourKeys(live.GetAnnotations()),
	}
}

// seal adds the annotations by which the next pass will know the content.
func (c content) seal(k key, name string) content {
	c.annotations = maps.Clone(c.annotations)
	if c.annotations == nil {
		c.annotations = map[string]string{}
	}
	if k.name != name {
		c.annotations[AnnotationStandsFor] = k.name
	}
	c.annotations[AnnotationIntent] = c.hash(key{k.kind, k.namespace, name})
	return c
}

// hash returns the hash of the content without the hash itself, as an object of
// that name: a copy under another is not what we wrote. Labels and annotations
// that are not ours do not count.
func (c content) hash(at key) string {
	annotations := ourKeys(c.annotations)
	delete(annotations, AnnotationIntent)
	raw := append(appendText([]byte{'['}, at.String()), ',')
	raw = append(appendJSON(raw, c.body), ',')
	raw = append(appendTexts(raw, ourKeys(c.labels)), ',')
	raw = append(appendTexts(raw, annotations), ']')
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:8])
}

// asWritten reports whether the content of a live object matches its own hash.
func asWritten(live *unstructured.Unstructured) bool {
	c := contentOf(live)
	return c.annotations[AnnotationIntent] == c.hash(keyOf(live))
}

// onto returns the live object with its content replaced by ours: foreign
// labels and annotations stay, foreign owners and finalizers go, and, when it is
// our content that changes, so does the account of who manages which field (0035).
func (c content) onto(live *unstructured.Unstructured) *unstructured.Unstructured {
	next := live.DeepCopy()
	for name := range bodyOf(next.Object) {
		delete(next.Object, name)
	}
	maps.Copy(next.Object, c.body)
	next.SetLabels(overlay(next.GetLabels(), c.labels))
	next.SetAnnotations(overlay(next.GetAnnotations(), c.annotations))
	next.SetOwnerReferences(nil)
	next.SetFinalizers(nil)
	if is := live.GetAnnotations()[AnnotationIntent]; is != "" && is != c.annotations[AnnotationIntent] {
		next.SetManagedFields(unmanaged)
	}
	return next
}

// unmanaged asks the API server to forget who manages which field, and to keep
// no more account of it: for a guard that costs more than all the rest of a write.
var unmanaged = []metav1.ManagedFieldsEntry{{}}

// overlay returns theirs with all that is ours replaced by ours.
func overlay(theirs, ours map[string]string) map[string]string {
	out := maps.Clone(theirs)
	maps.DeleteFunc(out, func(k, _ string) bool { return isOurs(k) })
	if out == nil {
		out = map[string]string{}
	}
	maps.Copy(out, ours)
	return out
}

func ourKeys(in map[string]string) map[string]string {
	out := map[string]string{}
	for k, v := range in {
		if isOurs(k) {
			out[k] = v
		}
	}
	return out
}

// isOurs reports whether a label or an annotation is ours whatever its object.
func isOurs(k string) bool {
	return k == medfencev1alpha1.LabelManagedBy || strings.HasPrefix(k, "medfence.io/")
}

// withoutNull returns value without its null fields: the API server drops some
// of them, and they mean absence.
func withoutNull(value any) any {
	switch v := value.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, field := range v {
			if field != nil {
				out[name] = withoutNull(field)
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = withoutNull(item)
		}
		return out
	}
	return value
}
