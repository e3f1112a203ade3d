package hospital

import (
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/snapshot"
)

// hostile is what nobody writes, and somebody sends.
var hostile = "x\x00\n%!s(MISSING) \"quoted\"; ${HOME} <nil> \u202e " + strings.Repeat("very long ", 60)

var (
	wrong = []medfencev1alpha1.ConduitService{
		{Name: "hl7-mlpp"}, {Name: "smb"}, {}, {Protocol: "TCP"}, {Name: "dns", Port: new(int32(5353))},
		{Protocol: "TCP", Port: new(int32(9)), EndPort: new(int32(3))}, {Name: "https", Protocol: "TCP"},
		{Protocol: "TCP", Port: new(int32(70000))}, {Protocol: "IGMP"}, {Protocol: "ICMP", Port: new(int32(8))},
		{Protocol: "TCP", EndPort: new(int32(9))}, {Protocol: "TCP", Port: new(int32(1)), EndPort: new(int32(65535))},
		{Name: hostile}, {Protocol: medfencev1alpha1.Protocol(hostile)}, {Protocol: "TCP", Port: new(int32(80)), Encrypted: "yes"},
	}
	http = []medfencev1alpha1.ConduitHTTPRule{{}, {Method: "get"}, {Path: "/fhir/(Observation"}, {Method: "POST", Path: hostile}}
)

// age gives a zone a past that its spec does not tell: a namespace that it left
// and holds, a record that was lost, a role that was another.
func (d *dice) age(z *snapshot.Zone) {
	if z.Spec.Role != medfencev1alpha1.RoleDevice {
		return
	}
	if d.slip(10) {
		z.Closed = append(z.Closed, medfencev1alpha1.NamespaceStatus{Name: d.pick(namespaces...), Baseline: d.chance(80), Held: true})
	}
	if d.slip(3) {
		z.Accepted = nil
	}
	if d.slip(2) && z.Accepted != nil {
		z.Accepted.Spec.Role = medfencev1alpha1.RoleClinical
	}
}

// misspell writes what no API server would take.
func (d *dice) misspell(spec *medfencev1alpha1.DeviceZoneSpec) {
	if !d.slip(6) {
		return
	}
	switch d.IntN(7) {
	case 0:
		spec.Role = medfencev1alpha1.ZoneRole(d.pick("", "device", hostile))
	case 1:
		spec.Enforcement = medfencev1alpha1.Enforcement(d.pick("", "enforce", hostile))
	case 2:
		spec.DNS = "cluster"
	case 3:
		spec.Encryption = medfencev1alpha1.EncryptionMode(hostile)
	case 4:
		spec.DeletionPolicy = "release"
	case 5:
		spec.Members.FQDNs = []string{"*", hostile}
	case 6:
		spec.Members.Entities = []medfencev1alpha1.Entity{"World"}
	}
}

func (d *dice) brokenSelector() metav1.LabelSelector {
	broken := []metav1.LabelSelectorRequirement{
		{Key: "app", Operator: metav1.LabelSelectorOpIn},
		{Key: "app", Operator: metav1.LabelSelectorOpExists, Values: []string{"a"}},
		{Key: "app", Operator: "in", Values: []string{"a"}},
		{Key: hostile, Operator: metav1.LabelSelectorOpExists},
		{Key: "app", Operator: metav1.LabelSelectorOpNotIn, Values: []string{hostile}},
	}
	return metav1.LabelSelector{MatchExpressions: broken[d.IntN(len(broken)):][:1]}
}
