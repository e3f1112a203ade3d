package manifest

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	strictjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/nearest"
)

// A reader collects objects and faults.
type reader struct {
	// namespace is where objects belong that do not say.
	namespace string
	out       *Objects
	faults    []Fault
}

func (r *reader) fault(f Fault) { r.faults = append(r.faults, f) }

// document reads one document, which may be a List, of what it is as JSON.
func (r *reader) document(d *document, data []byte, err error) {
	if err != nil {
		line, message := yamlError(d, err)
		r.fault(Fault{File: d.file, Line: line, Message: message})
		return
	}
	r.object(&place{document: d}, data)
}

// asJSON turns documents into JSON, which is most of the work of reading: as
// many at a time as there are processors. The result does not depend on it.
func asJSON(documents []*document) (data [][]byte, errs []error) {
	data, errs = make([][]byte, len(documents)), make([]error, len(documents))
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(documents)) {
		workers.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(documents)); i = next.Add(1) - 1 {
				data[i], errs[i] = yaml.YAMLToJSONStrict(documents[i].data)
			}
		})
	}
	workers.Wait()
	return data, errs
}

// A place is a document, or an item of the List that it is.
type place struct {
	*document
	within string
}

// lineOf returns the line of a field, or the first of the object.
func (p *place) lineOf(path string) int {
	if p.within != "" {
		path = p.within + "." + path
	}
	return lineOr(p.document, path)
}

// first returns the line on which the object begins.
func (p *place) first() int {
	if p.within == "" {
		return firstLine(p.document)
	}
	return lineOr(p.document, p.within)
}

// head is what tells what an object is.
type head struct {
	metav1.TypeMeta `json:",inline"`
	Metadata        struct {
		Name      string `json:"name"`
		Namespace string `json:"namespace"`
	} `json:"metadata"`
	Items []json.RawMessage `json:"items"`
}

func (r *reader) object(d *place, data []byte) {
	var h head
	if err := json.Unmarshal(data, &h); err != nil {
		path, message := typeError(err)
		if path == "" {
			message = "this is not a Kubernetes object; it needs apiVersion, kind and metadata as texts"
		}
		r.fault(Fault{File: d.file, Line: d.lineOf(path), Path: path, Message: message})
		return
	}
	if h.Kind == "" || h.APIVersion == "" {
		if string(data) != "null" {
			r.fault(Fault{File: d.file, Line: d.first(), Message: "apiVersion and kind are missing; a zone begins with apiVersion: medfence.io/v1alpha1 and kind: DeviceZone"})
		}
		return
	}
	if strings.HasSuffix(h.Kind, "List") && h.Items != nil {
		for i, item := range h.Items {
			r.object(&place{document: d.document, within: fmt.Sprintf("%s.items[%d]", d.within, i)}, item)
		}
		return
	}
	r.decode(d, h, data)
}

func (r *reader) decode(d *place, h head, data []byte) {
	o := r.out
	switch h.APIVersion + " " + h.Kind {
	case "medfence.io/v1alpha1 DeviceZone":
		decodeOwn(r, d, h, data, &o.Zones)
	case "medfence.io/v1alpha1 MedicalDevice":
		decodeOwn(r, d, h, data, &o.Devices)
	case "medfence.io/v1alpha1 Conduit":
		decodeOwn(r, d, h, data, &o.Conduits)
	case "v1 Namespace":
		decodeOther(r, d, h, data, &o.Namespaces)
	case "v1 Pod":
		decodeOther(r, d, h, data, &o.Pods)
	case "v1 Service":
		decodeOther(r, d, h, data, &o.Services)
	case "v1 Node":
		decodeOther(r, d, h, data, &o.Nodes)
	case "networking.k8s.io/v1 ServiceCIDR":
		decodeOther(r, d, h, data, &o.ServiceCIDRs)
	case "apps/v1 Deployment", "apps/v1 StatefulSet", "apps/v1 DaemonSet", "apps/v1 ReplicaSet", "batch/v1 Job", "batch/v1 CronJob":
		r.template(d, h, data)
	default:
		r.decodeRest(d, h, data)
	}
}

// decodeRest reads what is judged but not compiled, and counts what is not ours.
func (r *reader) decodeRest(d *place, h head, data []byte) {
	switch h.APIVersion + " " + h.Kind {
	case "networking.k8s.io/v1 NetworkPolicy", "cilium.io/v2 CiliumNetworkPolicy", "cilium.io/v2 CiliumClusterwideNetworkPolicy",
		"cilium.io/v2 CiliumCIDRGroup":
		r.policy(d, h, data)
	default:
		if strings.HasPrefix(h.APIVersion, medfencev1alpha1.GroupVersion.Group+"/") {
			r.unknownKind(d, h)
			return
		}
		r.out.Skipped[h.Kind]++
	}
}

func (r *reader) unknownKind(d *place, h head) {
	message := fmt.Sprintf("%s has no kind %q; use DeviceZone, MedicalDevice or Conduit", medfencev1alpha1.GroupVersion, h.Kind)
	path := "kind"
	switch {
	case h.APIVersion != medfencev1alpha1.GroupVersion.String():
		path = "apiVersion"
		message = fmt.Sprintf("%q is not served; write %s", h.APIVersion, medfencev1alpha1.GroupVersion)
	case nearest.Name(h.Kind, kinds) != "":
		message = fmt.Sprintf("%s has no kind %q; did you mean %s?", medfencev1alpha1.GroupVersion, h.Kind, nearest.Name(h.Kind, kinds))
	}
	r.fault(Fault{File: d.file, Line: d.lineOf(path), Object: h.Kind + "/" + h.Metadata.Name, Path: path, Message: message})
}

var kinds = []string{"Conduit", "DeviceZone", "MedicalDevice"}

// decodeOwn decodes one of our kinds strictly. An object with a fault is left
// out: half an object could permit what nobody meant.
func decodeOwn[T any](r *reader, d *place, h head, data []byte, list *[]*T) {
	object := new(T)
	h = r.placed(h)
	name := objectName(h)
	strict, err := strictjson.UnmarshalStrict(data, object)
	if err != nil {
		path, message := typeError(err)
		r.fault(Fault{File: d.file, Line: d.lineOf(path), Object: name, Path: path, Message: message})
		return
	}
	for _, e := range strict {
		path, message := fieldError(e, object)
		r.fault(Fault{File: d.file, Line: d.lineOf(path), Object: name, Path: path, Message: message})
	}
	if len(strict) == 0 && r.named(d, h) {
		settle(object, h)
		*list = append(*list, object)
		r.out.raw = append(r.out.raw, Raw{Kind: h.Kind, Namespace: h.Metadata.Namespace, Name: h.Metadata.Name, JSON: data})
	}
}

// decodeOther decodes somebody else's kind leniently: its fields are not ours
// to judge.
func decodeOther[T any](r *reader, d *place, h head, data []byte, list *[]*T) {
	object := new(T)
	h = r.placed(h)
	if err := strictjson.UnmarshalCaseSensitivePreserveInts(data, object); err != nil {
		path, message := typeError(err)
		r.fault(Fault{File: d.file, Line: d.lineOf(path), Object: objectName(h), Path: path, Message: message})
		return
	}
	if r.named(d, h) {
		settle(object, h)
		*list = append(*list, object)
	}
}

// placed gives an object the reader's namespace where it names none and its
// kind has one.
func (r *reader) placed(h head) head {
	switch h.Kind {
	case "DeviceZone", "Conduit", "Namespace", "Node", "ServiceCIDR":
		return h
	}
	h.Metadata.Namespace = cmp.Or(h.Metadata.Namespace, r.namespace)
	return h
}

// settle writes the namespace of the head into the object.
func settle(object any, h head) {
	if o, ok := object.(metav1.Object); ok {
		o.SetNamespace(h.Metadata.Namespace)
	}
}

// named records where an object stands. It refuses one without a name and one
// that was read before.
func (r *reader) named(d *place, h head) bool {
	if h.Metadata.Name == "" {
		r.fault(Fault{File: d.file, Line: d.first(), Object: h.Kind, Path: "metadata.name", Message: "the object has no name; give it one"})
		return false
	}
	namespace := h.Metadata.Namespace
	key := originKey(h.Kind, namespace, h.Metadata.Name)
	if first, ok := r.out.origins[key]; ok {
		r.fault(Fault{File: d.file, Line: d.first(), Object: objectName(h),
			Message: fmt.Sprintf("this object stands in %s:%d as well, which is used; remove one of the two", first.File, first.Line)})
		return false
	}
	r.out.origins[key] = Origin{File: d.file, Line: d.first(), doc: d.document, within: d.within}
	return true
}

func objectName(h head) string {
	if h.Metadata.Namespace != "" {
		return h.Kind + "/" + h.Metadata.Namespace + "/" + h.Metadata.Name
	}
	return h.Kind + "/" + h.Metadata.Name
}

// unknownField is how the strict decoder words a field that it does not know.
var (
	unknownField   = regexp.MustCompile(`^unknown field "(.*)"$`)
	duplicateField = regexp.MustCompile(`^duplicate field "(.*)"$`)
	yamlLine       = regexp.MustCompile(`line (\d+): `)
)

func fieldError(err error, object any) (path, message string) {
	if m := unknownField.FindStringSubmatch(err.Error()); m != nil {
		near := nearest.Name(lastField(m[1]), fieldsAt(object, m[1]))
		if near != "" {
			return m[1], fmt.Sprintf("there is no field %q; did you mean %q?", lastField(m[1]), near)
		}
		return m[1], fmt.Sprintf("there is no field %q here; remove it, or see kubectl explain", lastField(m[1]))
	}
	if m := duplicateField.FindStringSubmatch(err.Error()); m != nil {
		return m[1], "the field stands twice; remove one of the two"
	}
	return "", err.Error()
}

// typeError words a value of the wrong type.
func typeError(err error) (path, message string) {
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return wrong.Field, wrongType(wrong.Value, wrong.Type.String())
	}
	text := err.Error()
	if m := goField.FindStringSubmatch(text); m != nil {
		return m[2], wrongType(m[1], m[3])
	}
	return "", "the object cannot be read (" + strings.TrimPrefix(text, "json: ") + "); correct it"
}

var goField = regexp.MustCompile(`cannot unmarshal (\w+) into Go struct field \w+\.([\w.]+) of type (\S+)`)

// wrongType words a value of the wrong type. YAML reads some bare words, such
// as no and 8080, as something else than a text: quotes help.
func wrongType(json, goType string) string {
	kind, _, _ := strings.Cut(json, " ")
	got := map[string]string{
		"array": "a list", "object": "a mapping", "string": "a text", "number": "a number", "bool": "true or false", "boolean": "true or false",
	}[kind]
	if got == "" {
		got = json
	}
	want := article(goType)
	if want == "a text" && (got == "a number" || got == "true or false") {
		return fmt.Sprintf("this is read as %s where %s is expected; put it in quotes", got, want)
	}
	return fmt.Sprintf("this is %s where %s is expected; correct the value", got, want)
}

// article names a Go type in the words of YAML.
func article(goType string) string {
	switch {
	case strings.HasPrefix(goType, "[]"):
		return "a list"
	case strings.HasPrefix(goType, "map"):
		return "a mapping"
	case strings.Contains(goType, "int"):
		return "a whole number"
	case strings.Contains(goType, "bool"):
		return "true or false"
	case strings.Contains(goType, "Time"):
		return "a time such as 2026-12-31T18:00:00Z"
	case goType == "string", strings.HasPrefix(goType, "v1alpha1.") && !strings.HasSuffix(goType, "Spec"):
		return "a text"
	}
	return "a mapping"
}

// yamlError moves the line of a YAML error from the document to the file.
func yamlError(d *document, err error) (int, string) {
	text := strings.TrimPrefix(strings.TrimPrefix(err.Error(), "error converting YAML to JSON: "), "yaml: ")
	line := firstLine(d)
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		n, convErr := strconv.Atoi(m[1])
		if convErr == nil {
			line = d.fileLine(n)
		}
		text = strings.Replace(text, m[0], "", 1)
	}
	text = strings.TrimPrefix(strings.ReplaceAll(text, "\n  ", " "), "unmarshal errors: ")
	return line, "this is not valid YAML: " + text
}
