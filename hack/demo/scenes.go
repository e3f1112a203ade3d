package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
)

// A scene is one thing that happens to a hospital.
type scene struct {
	title string
	act   func(context.Context, *stage) error
}

var scenes = []scene{
	{"The cluster: CRDs of Medfence and Cilium, two nodes, the operator with its own rights", install},
	{"The hospital: zones, devices and conduits of config/samples/hospital", applyHospital},
	{"What stands: the policies that Medfence wrote", showPolicies},
	{"Imaging was only watched; now it is closed: Observe to Enforce", enforceImaging},
	{"A new conduit opens exactly one flow", addConduit},
	{"A device moves: the ultrasound goes from imaging to the intensive care unit", moveDevice},
	{"A typing error in a conduit that is in use cuts nothing", mistype},
	{"Somebody widens one policy and deletes another", tamper},
	{"Another team allows everything in a zone's namespace: on Cilium nothing opens", blockOpening},
	{"The operator is down and a new pod appears: it is closed all the same", failStatic},
	{"Without Cilium the same policy opens the zone, and is named", nameOpening},
}

func (s *stage) play(ctx context.Context, sc scene) error {
	s.say("\n=== %s\n", sc.title)
	return sc.act(ctx, s)
}

func applyHospital(ctx context.Context, s *stage) error {
	start := time.Now()
	if err := s.kubectl(ctx, "apply", "-k", "config/samples/hospital"); err != nil {
		return err
	}
	s.say("$ kubectl apply -k config/samples/hospital")
	if err := s.kubectl(ctx, "wait", "--for=condition=Ready", "--timeout=60s", "-A", "devicezones,medicaldevices,conduits", "--all"); err != nil {
		return err
	}
	s.say("  every zone, device and conduit is Ready after %s\n", rounded(time.Since(start)))
	for _, args := range [][]string{{"get", "devicezones"}, {"get", "medicaldevices", "-A"}, {"get", "conduits"}} {
		if err := s.show(ctx, args...); err != nil {
			return err
		}
	}
	return nil
}

func showPolicies(ctx context.Context, s *stage) error {
	if err := s.show(ctx, "get", "networkpolicies,ciliumnetworkpolicies,ciliumclusterwidenetworkpolicies,ciliumcidrgroups",
		"-A", "-l", "app.kubernetes.io/managed-by=medfence", "-L", "medfence.io/zone,medfence.io/component", "--no-headers"); err != nil {
		return err
	}
	return s.showSelecting(ctx, "infusion", "app.kubernetes.io/name=pump-gateway")
}

func enforceImaging(ctx context.Context, s *stage) error {
	if err := s.showSelecting(ctx, "imaging", "app.kubernetes.io/name=dicom-router"); err != nil {
		return err
	}
	s.say(`$ kubectl patch devicezone imaging --type=merge -p '{"spec":{"enforcement":"Enforce"}}'`)
	if err := s.patch(ctx, "", "devicezone", "imaging", `{"spec":{"enforcement":"Enforce"}}`); err != nil {
		return err
	}
	took, err := s.until(ctx, "the baseline of imaging stands", func() (bool, error) {
		return s.exists(ctx, &networkingv1.NetworkPolicy{}, "imaging", "medfence-baseline-imaging")
	})
	if err != nil {
		return err
	}
	s.say("  the baseline stands after %s; every allow stood before it, so nothing that a conduit permits was cut\n", rounded(took))
	if err := s.untilReady(ctx, &medfencev1alpha1.DeviceZone{}, "", "imaging", medfencev1alpha1.ReasonEnforced); err != nil {
		return err
	}
	if err := s.showSelecting(ctx, "imaging", "app.kubernetes.io/name=dicom-router"); err != nil {
		return err
	}
	return s.show(ctx, "get", "devicezone", "imaging")
}

const newConduit = `
apiVersion: medfence.io/v1alpha1
kind: Conduit
metadata:
  name: lab-to-nurse-stations
spec:
  from: {zones: [nurse-stations]}
  to:
    zones: [laboratory]
    deviceSelector: {matchLabels: {hospital.example/model: lab-middleware}}
  services: [{name: https, port: 8443}]
  purpose: Laboratory results on the screens of the nurse stations`

func addConduit(ctx context.Context, s *stage) error {
	if err := s.apply(ctx, newConduit); err != nil {
		return err
	}
	took, err := s.until(ctx, "a policy names the new conduit", func() (bool, error) {
		policies, err := s.policies(ctx, "CiliumNetworkPolicy", "laboratory")
		for _, p := range policies {
			if strings.Contains(p.GetAnnotations()[medfencev1alpha1.AnnotationConduits], "lab-to-nurse-stations") {
				return true, nil
			}
		}
		return false, err
	})
	if err != nil {
		return err
	}
	s.say("  the policy of lab-middleware permits it after %s\n", rounded(took))
	if err := s.untilReady(ctx, &medfencev1alpha1.Conduit{}, "", "lab-to-nurse-stations", medfencev1alpha1.ReasonEnforced); err != nil {
		return err
	}
	return s.show(ctx, "get", "conduit", "lab-to-nurse-stations")
}

const movedDevice = `
apiVersion: medfence.io/v1alpha1
kind: MedicalDevice
metadata:
  name: us-1
  namespace: biomed-inventory
  labels: {hospital.example/modality: US}
spec:
  zone: monitoring
  criticality: Diagnostic
  addresses: [10.20.17.40]
  identity: {manufacturer: GE HealthCare, model: Vscan Extend, assetTag: US-0007}`

func moveDevice(ctx context.Context, s *stage) error {
	s.say("$ kubectl delete medicaldevice us-1 -n biomed-inventory")
	if err := s.kubectl(ctx, "delete", "medicaldevice", "us-1", "-n", "biomed-inventory"); err != nil {
		return err
	}
	if err := s.apply(ctx, movedDevice); err != nil {
		return err
	}
	start := time.Now()
	if err := s.untilReady(ctx, &medfencev1alpha1.MedicalDevice{}, "biomed-inventory", "us-1", ""); err != nil {
		return err
	}
	s.say("  it has left the conduits of imaging and joined those of monitoring after %s\n", rounded(time.Since(start)))
	return s.show(ctx, "get", "medicaldevice", "us-1", "-n", "biomed-inventory")
}

func mistype(ctx context.Context, s *stage) error {
	before, err := s.fingerprint(ctx, "imaging")
	if err != nil {
		return err
	}
	s.say(`$ kubectl patch conduit imaging-to-pacs --type=merge -p '{"spec":{"services":[{"name":"dicm"}]}}'`)
	if err := s.patch(ctx, "", "conduit", "imaging-to-pacs", `{"spec":{"services":[{"name":"dicm"}]}}`); err != nil {
		return err
	}
	took, err := s.until(ctx, "the conduit says what is wrong", func() (bool, error) {
		c, err := s.condition(ctx, &medfencev1alpha1.Conduit{}, "", "imaging-to-pacs", medfencev1alpha1.ConditionAccepted)
		return c != nil && c.Status == metav1.ConditionFalse, err
	})
	if err != nil {
		return err
	}
	c, err := s.condition(ctx, &medfencev1alpha1.Conduit{}, "", "imaging-to-pacs", medfencev1alpha1.ConditionAccepted)
	if err != nil {
		return err
	}
	s.say("  after %s the conduit says: %s: %s", rounded(took), c.Reason, c.Message)
	after, err := s.fingerprint(ctx, "imaging")
	if err != nil {
		return err
	}
	if before != after {
		return fmt.Errorf("the policies of imaging changed: before %s, after %s", before, after)
	}
	s.say("  the policies of imaging are the same to the byte: studies still reach the archive\n")
	if err := s.show(ctx, "get", "conduit", "imaging-to-pacs"); err != nil {
		return err
	}
	if err := s.patch(ctx, "", "conduit", "imaging-to-pacs", `{"spec":{"services":[{"name":"dicom","port":11112}]}}`); err != nil {
		return err
	}
	return s.untilReady(ctx, &medfencev1alpha1.Conduit{}, "", "imaging-to-pacs", medfencev1alpha1.ReasonEnforced)
}

func failStatic(ctx context.Context, s *stage) error {
	if err := s.stopOperator(); err != nil {
		return err
	}
	s.say("The operator is stopped. A pod appears in the zone infusion that nobody registered:")
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "infusion", Name: "intruder", Labels: map[string]string{"app": "intruder"}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "intruder", Image: "registry.k8s.io/pause:3.10"}}},
	}
	if err := s.client.Create(ctx, pod); err != nil {
		return fmt.Errorf("creating a pod: %w", err)
	}
	if err := s.showSelecting(ctx, "infusion", "app=intruder"); err != nil {
		return err
	}
	s.say("No allow selects it: it reaches nothing and nothing reaches it. The operator comes back:")
	if err := s.startOperator(ctx); err != nil {
		return err
	}
	took, err := s.until(ctx, "the pod is counted", func() (bool, error) {
		z := &medfencev1alpha1.DeviceZone{}
		err := s.client.Get(ctx, types.NamespacedName{Name: "infusion"}, z)
		return err == nil && z.Status.Unregistered == 1, err
	})
	if err != nil {
		return err
	}
	s.say("  after %s it is counted as unregistered\n", rounded(took))
	return s.show(ctx, "get", "devicezone", "infusion")
}

func (s *stage) exists(ctx context.Context, into client.Object, namespace, name string) (bool, error) {
	err := s.client.Get(ctx, types.NamespacedName{Namespace: namespace, Name: name}, into)
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	return err == nil, err
}

// untilReady waits until an object is Ready in its present generation, for a
// given reason if there is one.
func (s *stage) untilReady(ctx context.Context, into client.Object, namespace, name, reason string) error {
	_, err := s.until(ctx, name+" is Ready", func() (bool, error) {
		c, err := s.condition(ctx, into, namespace, name, medfencev1alpha1.ConditionReady)
		return c != nil && c.Status == metav1.ConditionTrue && (reason == "" || c.Reason == reason), err
	})
	return err
}

// condition returns a condition that is about the present generation, or nil.
func (s *stage) condition(ctx context.Context, into client.Object, namespace, name, kind string) (*metav1.Condition, error) {
	if err := s.client.Get(ctx, types.NamespacedName{Namespace: namespace, Name: name}, into); err != nil {
		return nil, fmt.Errorf("getting %s: %w", name, err)
	}
	var all []metav1.Condition
	switch o := into.(type) {
	case *medfencev1alpha1.DeviceZone:
		all = o.Status.Conditions
	case *medfencev1alpha1.MedicalDevice:
		all = o.Status.Conditions
	case *medfencev1alpha1.Conduit:
		all = o.Status.Conditions
	}
	c := meta.FindStatusCondition(all, kind)
	if c == nil || c.ObservedGeneration != into.GetGeneration() {
		return nil, nil
	}
	return c, nil
}
