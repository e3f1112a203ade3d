package apply

import (
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/render/object"
)

// The kinds that Medfence owns.
const (
	kindNetworkPolicy = "NetworkPolicy"
	kindCiliumPolicy  = "CiliumNetworkPolicy"
	kindClusterPolicy = "CiliumClusterwideNetworkPolicy"
	kindGroup         = "CiliumCIDRGroup"
)

var (
	networking = schema.GroupVersion{Group: "networking.k8s.io", Version: "v1"}
	cilium     = schema.GroupVersion{Group: "cilium.io", Version: "v2"}
)

// owned are the kinds that Medfence owns, in their API versions.
var owned = map[string]schema.GroupVersion{
	kindNetworkPolicy: networking,
	kindCiliumPolicy:  cilium,
	kindClusterPolicy: cilium,
	kindGroup:         cilium,
}

// Kinds returns the kinds that Medfence owns, with or without Cilium's.
func Kinds(withCilium bool) []schema.GroupVersionKind {
	out := []schema.GroupVersionKind{networking.WithKind(kindNetworkPolicy)}
	if !withCilium {
		return out
	}
	return append(out,
		cilium.WithKind(kindGroup), cilium.WithKind(kindCiliumPolicy), cilium.WithKind(kindClusterPolicy))
}

// blank returns an empty object of an owned kind, to read into.
func blank(k key) *unstructured.Unstructured {
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(owned[k.kind].WithKind(k.kind))
	u.SetNamespace(k.namespace)
	u.SetName(k.name)
	return u
}

func keyOf(u *unstructured.Unstructured) key {
	return key{kind: u.GetKind(), namespace: u.GetNamespace(), name: u.GetName()}
}

// The order of writing up, and of removing down (DESIGN section 3, rule 5). A
// guard goes before the moat in both: it denies the more.
var (
	stagesUp   = []object.Stage{object.StageGroup, object.StageAllow, object.StageBaseline, object.StageGuard, object.StageMoat}
	stagesDown = []object.Stage{object.StageGuard, object.StageMoat, object.StageBaseline, object.StageAllow, object.StageGroup}
)

var stageOfComponent = map[string]object.Stage{
	"group":    object.StageGroup,
	"allow":    object.StageAllow,
	"baseline": object.StageBaseline,
	"guard":    object.StageGuard,
	"moat":     object.StageMoat,
}

// stageOf returns the stage of an object that is no longer rendered: by its
// label, or by its name where somebody took the label away.
func stageOf(k key, labels map[string]string) object.Stage {
	if k.kind == kindGroup {
		return object.StageGroup
	}
	if stage, ok := stageOfComponent[labels[medfencev1alpha1.LabelComponent]]; ok {
		return stage
	}
	component, _, _ := strings.Cut(strings.TrimPrefix(k.name, "medfence-"), "-")
	if stage, ok := stageOfComponent[component]; ok && stage > object.StageAllow {
		return stage
	}
	return object.StageAllow
}
