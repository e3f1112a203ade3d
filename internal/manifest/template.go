package manifest

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	strictjson "sigs.k8s.io/json"
)

// podTemplate is where a workload keeps the template of its pods.
type podTemplate struct {
	Metadata metav1.ObjectMeta `json:"metadata"`
	Spec     corev1.PodSpec    `json:"spec"`
}

// workload is what is read of a Deployment, StatefulSet, DaemonSet, ReplicaSet,
// Job or CronJob: the template alone.
type workload struct {
	Spec struct {
		Replicas    *int32      `json:"replicas"`
		Template    podTemplate `json:"template"`
		JobTemplate struct {
			Spec struct {
				Template podTemplate `json:"template"`
			} `json:"spec"`
		} `json:"jobTemplate"`
	} `json:"spec"`
}

// template reads a workload as the pod that it would make: manifests seldom hold
// pods, and what a selector matches depends on their labels. A workload of no
// replicas makes none.
func (r *reader) template(d *place, h head, data []byte) {
	if h.Metadata.Name == "" {
		r.out.Skipped[h.Kind]++ // not ours to judge
		return
	}
	h = r.placed(h)
	var w workload
	if err := strictjson.UnmarshalCaseSensitivePreserveInts(data, &w); err != nil {
		path, message := typeError(err)
		r.fault(Fault{File: d.file, Line: d.lineOf(path), Object: objectName(h), Path: path, Message: message})
		return
	}
	if !r.named(d, h) || w.Spec.Replicas != nil && *w.Spec.Replicas == 0 {
		return
	}
	from := w.Spec.Template
	if h.Kind == "CronJob" {
		from = w.Spec.JobTemplate.Spec.Template
	}
	pod := &corev1.Pod{Spec: from.Spec}
	pod.Namespace, pod.Name = h.Metadata.Namespace, h.Metadata.Name
	pod.Labels, pod.Annotations = from.Metadata.Labels, from.Metadata.Annotations
	r.out.Templates = append(r.out.Templates, pod)
}

// policy keeps a network policy as it is written, field by field: it is judged,
// not compiled.
func (r *reader) policy(d *place, h head, data []byte) {
	if h.Metadata.Name == "" {
		r.out.Skipped[h.Kind]++ // not ours to judge
		return
	}
	if h.Kind == "NetworkPolicy" || h.Kind == "CiliumNetworkPolicy" {
		h = r.placed(h)
	}
	object := &unstructured.Unstructured{}
	if err := strictjson.UnmarshalCaseSensitivePreserveInts(data, &object.Object); err != nil {
		r.fault(Fault{File: d.file, Line: d.first(), Object: objectName(h), Message: "the policy cannot be read; correct it"})
		return
	}
	if r.named(d, h) {
		object.SetNamespace(h.Metadata.Namespace)
		r.out.Policies = append(r.out.Policies, object)
	}
}
