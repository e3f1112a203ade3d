package manifest

import (
	"cmp"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
)

// MaxBytes is the largest file that is read: far above any hospital, far below
// the machine's memory.
const MaxBytes = 64 << 20

// A File is a named text: a path, or "stdin".
type File struct {
	Name string
	Data []byte
}

// A Fault is something that could not be read. The rest was.
type Fault struct {
	File string
	// Line counts from 1; 0 is the file as a whole.
	Line int
	// Object is "Conduit/pumps-to-gateway", as far as it is known.
	Object string
	// Path is the field, such as "spec.services[0].port".
	Path string
	// Message says what to change.
	Message string
}

// Error returns "zones.yaml:12: DeviceZone/infusion: spec.role: ...".
func (f Fault) Error() string {
	text := f.File
	if f.Line > 0 {
		text = fmt.Sprintf("%s:%d", text, f.Line)
	}
	for _, part := range []string{f.Object, f.Path, f.Message} {
		if part != "" {
			text += ": " + part
		}
	}
	return text
}

// An Origin says where an object was written.
type Origin struct {
	File string
	Line int
	doc  *document
	// within is the path of an item of a List, such as "items[3]".
	within string
}

// Objects are the objects that were read.
type Objects struct {
	Zones        []*medfencev1alpha1.DeviceZone
	Devices      []*medfencev1alpha1.MedicalDevice
	Conduits     []*medfencev1alpha1.Conduit
	Namespaces   []*corev1.Namespace
	Pods         []*corev1.Pod
	Services     []*corev1.Service
	Nodes        []*corev1.Node
	ServiceCIDRs []*networkingv1.ServiceCIDR
	// Templates are the pods that workloads such as Deployments would make, one
	// for each workload, by the workload's name.
	Templates []*corev1.Pod
	// Policies are network policies of any kind, as they are written.
	Policies []*unstructured.Unstructured
	// Skipped counts the objects of other kinds.
	Skipped map[string]int
	origins map[string]Origin
	// implied are namespaces of objects that were not read.
	implied []string
	raw     []Raw
}

// A Raw is an object of ours as it was written, field by field.
type Raw struct {
	Kind, Namespace, Name string
	JSON                  []byte
}

// Own returns the objects of ours as they were written, in the order of reading.
func (o *Objects) Own() []Raw { return o.raw }

// Read reads files. It is total: any bytes give Objects and Faults.
func Read(files []File) (*Objects, []Fault) { return ReadInto("", files) }

// ReadInto is Read, where objects that name no namespace belong to the given
// one, as kubectl apply --namespace would have it.
func ReadInto(namespace string, files []File) (*Objects, []Fault) {
	r := newReader(namespace)
	r.read(r.documents(files))
	return r.out, r.sorted()
}

func newReader(namespace string) *reader {
	return &reader{namespace: namespace, out: &Objects{Skipped: map[string]int{}, origins: map[string]Origin{}}}
}

// documents cuts the files that can be read into their documents.
func (r *reader) documents(files []File) []*document {
	var out []*document
	for _, f := range files {
		switch {
		case len(f.Data) > MaxBytes:
			r.fault(TooLarge(f.Name, int64(len(f.Data))))
		case binary(f.Data):
			r.fault(Fault{File: f.Name, Message: "this is a binary file, not YAML or JSON; name the manifests only"})
		default:
			for _, d := range split(f.Name, f.Data) {
				out = append(out, &d)
			}
		}
	}
	return out
}

func (r *reader) read(documents []*document) {
	data, errs := asJSON(documents)
	for i, d := range documents {
		r.document(d, data[i], errs[i])
	}
}

// sorted returns the faults, by file and line.
func (r *reader) sorted() []Fault {
	slices.SortStableFunc(r.faults, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Path, b.Path))
	})
	return r.faults
}

// TooLarge is the fault of a file of more than MaxBytes, which need not be read
// to be refused.
func TooLarge(file string, bytes int64) Fault {
	return Fault{File: file, Message: fmt.Sprintf("the file has %d MB, more than the %d MB that are read; split it, or name the folder of manifests",
		bytes>>20, MaxBytes>>20)}
}

// Where returns where an object was written: kind, namespace and name as in a
// Problem. The zero Origin is returned for one that was not read.
func (o *Objects) Where(kind, namespace, name string) Origin {
	return o.origins[originKey(kind, namespace, name)]
}

// LineOf returns the line of a field of an object, or of the object where the
// field is not written out.
func (o *Objects) LineOf(kind, namespace, name, path string) int {
	at := o.Where(kind, namespace, name)
	if at.doc == nil {
		return at.Line
	}
	if line := lineOf(at.doc, at.within+"."+path); line > 0 && line >= at.Line {
		return line
	}
	return at.Line
}

func originKey(kind, namespace, name string) string { return kind + "/" + namespace + "/" + name }
