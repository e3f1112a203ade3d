package v1alpha1_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
)

func TestKubectlGetReadsLikeAHospitalsTables(t *testing.T) {
	storeHospital(t)
	for args, want := range map[string]string{
		"dz infusion imaging-a pacs": `
NAME        ROLE       ENFORCEMENT   DEVICES   PODS   UNREGISTERED   CONDUITS   READY   STATUS      AGE
infusion    Device     Enforce       402       3      0              6          True    Enforced    143d
imaging-a   Device     Observe       14        2      1              5          True    Observing   143d
pacs        Clinical                 0         0      0              0          True    Peer        143d
`,
		"dz infusion imaging-a -o wide": `
NAME        ROLE     ENFORCEMENT   DEVICES   PODS   UNREGISTERED   CONDUITS   READY   STATUS      WARNINGS   OWNER                  AGE
infusion    Device   Enforce       402       3      0              6          True    Enforced    0          Clinical engineering   143d
imaging-a   Device   Observe       14        2      1              5          True    Observing   2          Radiology IT           143d
`,
		"md pump-gateway": `
NAME           ZONE       MODEL            CRITICALITY      LOCATED   CONDUITS   READY   STATUS     AGE
pump-gateway   infusion   Spectrum IQ GW   LifeSustaining   2 pods    6          True    Enforced   143d
`,
		"md pump-gateway -o wide": `
NAME           ZONE       MODEL            CRITICALITY      LOCATED   CONDUITS   READY   STATUS     WARNINGS   ASSET       FIRMWARE   AGE
pump-gateway   infusion   Spectrum IQ GW   LifeSustaining   2 pods    6          True    Enforced   0          BME-00231   9.02       143d
`,
		"cdt imaging-pacs vendor-support": `
NAME             FROM            TO     SERVICES     EXPIRES                READY   STATUS     PURPOSE
imaging-pacs     imaging-a, -b   pacs   dicom:4242                          True    Enforced   Studies to the archive
vendor-support   vendor          lab    tcp:22       2099-01-31T18:00:00Z   True    Enforced   Repair of the analyser
`,
		"cdt vendor-support -o wide": `
NAME             FROM     TO    SERVICES   EXPIRES                READY   STATUS     PURPOSE                  ENFORCED BY   WARNINGS   RISK                             AGE
vendor-support   vendor   lab   tcp:22     2099-01-31T18:00:00Z   True    Enforced   Repair of the analyser   Cluster       1          CISO, 2026-01-12, for one year   143d
`,
	} {
		t.Run(args, func(t *testing.T) {
			got := kubectl(t, append([]string{"get"}, strings.Fields(args)...)...)
			if diff := cmp.Diff(table(want), table(got)); diff != "" {
				t.Errorf("kubectl get %s (-want +got):\n%s", args, diff)
			}
		})
	}
}

// table leaves out how old the objects are.
func table(text string) string {
	text = regexp.MustCompile(`(?m)\d+[smd]$`).ReplaceAllString(text, "AGE")
	text = regexp.MustCompile(`(?m) +$`).ReplaceAllString(text, "")
	return strings.TrimSpace(text)
}

// An object that the operator has not seen yet has no counts; that is not the
// same as none.
func TestAnObjectThatNobodyHasSeenYet(t *testing.T) {
	create(t, manifest(t, "Conduit", "unseen", conduit("")))
	want := `
NAME     FROM   TO    SERVICES   EXPIRES   READY   STATUS   PURPOSE
unseen                                                      Studies to the archive
`
	if diff := cmp.Diff(table(want), table(kubectl(t, "get", "cdt", "unseen"))); diff != "" {
		t.Errorf("kubectl get (-want +got):\n%s", diff)
	}
}

func TestShortNamesAndCategory(t *testing.T) {
	want := `
NAME             SHORTNAMES   APIVERSION             NAMESPACED   KIND            VERBS                                                        CATEGORIES
conduits         cdt          medfence.io/v1alpha1   false        Conduit         delete,deletecollection,get,list,patch,create,update,watch   medfence
devicezones      dz           medfence.io/v1alpha1   false        DeviceZone      delete,deletecollection,get,list,patch,create,update,watch   medfence
medicaldevices   md           medfence.io/v1alpha1   true         MedicalDevice   delete,deletecollection,get,list,patch,create,update,watch   medfence
`
	got := kubectl(t, "api-resources", "--api-group=medfence.io", "-o", "wide")
	if diff := cmp.Diff(table(want), table(got)); diff != "" {
		t.Errorf("kubectl api-resources (-want +got):\n%s", diff)
	}
}

// storeHospital stores a few objects with the status that an operator would
// give them.
func storeHospital(t *testing.T) {
	t.Helper()
	storeZones(t)
	storeDevice(t)
	storeConduits(t)
}

func storeZones(t *testing.T) {
	t.Helper()
	infusion := zone("infusion", medfencev1alpha1.RoleDevice, medfencev1alpha1.Enforce)
	infusion.Spec.Owner = "Clinical engineering"
	store(t, infusion, func() {
		infusion.Status = medfencev1alpha1.DeviceZoneStatus{Devices: 402, Pods: 3, Conduits: 6, Conditions: ready("Enforced")}
	})
	imaging := zone("imaging-a", medfencev1alpha1.RoleDevice, medfencev1alpha1.Observe)
	imaging.Spec.Owner = "Radiology IT"
	store(t, imaging, func() {
		imaging.Status = medfencev1alpha1.DeviceZoneStatus{
			Devices: 14, Pods: 2, Unregistered: 1, Conduits: 5, Warnings: 2, Conditions: ready("Observing"),
		}
	})
	pacs := zone("pacs", medfencev1alpha1.RoleClinical, "")
	store(t, pacs, func() { pacs.Status.Conditions = ready("Peer") })
}

func zone(name string, role medfencev1alpha1.ZoneRole, enforcement medfencev1alpha1.Enforcement) *medfencev1alpha1.DeviceZone {
	return &medfencev1alpha1.DeviceZone{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       medfencev1alpha1.DeviceZoneSpec{Role: role, Enforcement: enforcement},
	}
}

func storeDevice(t *testing.T) {
	t.Helper()
	gateway := &medfencev1alpha1.MedicalDevice{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "pump-gateway"},
		Spec: medfencev1alpha1.MedicalDeviceSpec{
			Zone: "infusion", Criticality: medfencev1alpha1.CriticalityLifeSustaining,
			Identity: medfencev1alpha1.DeviceIdentity{Model: "Spectrum IQ GW", AssetTag: "BME-00231", FirmwareVersion: "9.02"},
		},
	}
	store(t, gateway, func() {
		gateway.Status = medfencev1alpha1.MedicalDeviceStatus{Located: "2 pods", Pods: 2, Conduits: 6, Conditions: ready("Enforced")}
	})
}

func storeConduits(t *testing.T) {
	t.Helper()
	imaging := &medfencev1alpha1.Conduit{
		ObjectMeta: metav1.ObjectMeta{Name: "imaging-pacs"},
		Spec: medfencev1alpha1.ConduitSpec{
			From:     medfencev1alpha1.ConduitEnd{Zones: []string{"imaging-a", "imaging-b"}},
			To:       medfencev1alpha1.ConduitEnd{Zones: []string{"pacs"}},
			Services: []medfencev1alpha1.ConduitService{{Name: "dicom", Port: new(int32(4242))}},
			Purpose:  "Studies to the archive",
		},
	}
	store(t, imaging, func() {
		imaging.Status = medfencev1alpha1.ConduitStatus{
			From: "imaging-a, -b", To: "pacs", Services: "dicom:4242", Conditions: ready("Enforced"),
		}
	})
	vendor := &medfencev1alpha1.Conduit{
		ObjectMeta: metav1.ObjectMeta{Name: "vendor-support"},
		Spec: medfencev1alpha1.ConduitSpec{
			From:           medfencev1alpha1.ConduitEnd{Zones: []string{"vendor"}},
			To:             medfencev1alpha1.ConduitEnd{Zones: []string{"lab"}},
			Services:       []medfencev1alpha1.ConduitService{{Protocol: "TCP", Port: new(int32(22))}},
			Purpose:        "Repair of the analyser",
			RiskAcceptance: "CISO, 2026-01-12, for one year",
		},
	}
	store(t, vendor, func() {
		vendor.Status = medfencev1alpha1.ConduitStatus{
			From: "vendor", To: "lab", Services: "tcp:22", Expires: "2099-01-31T18:00:00Z",
			EnforcementPoint: medfencev1alpha1.EnforcedByCluster, Warnings: 1, Conditions: ready("Enforced"),
		}
	})
}

// store creates an object and gives it a status.
func store(t *testing.T, obj client.Object, setStatus func()) {
	t.Helper()
	create(t, obj)
	setStatus()
	if err := newClient(t).Status().Update(t.Context(), obj); err != nil {
		t.Fatalf("writing the status of %s: %v", obj.GetName(), err)
	}
}

func ready(reason string) []metav1.Condition {
	return []metav1.Condition{{
		Type: medfencev1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: reason, LastTransitionTime: metav1.Now(),
	}}
}
