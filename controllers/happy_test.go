package controllers

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/client"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
)

const happy = `
apiVersion: medfence.io/v1alpha1
kind: DeviceZone
metadata: {name: infusion}
spec:
  role: Device
  enforcement: Enforce
  members: {namespaces: [infusion]}
---
apiVersion: medfence.io/v1alpha1
kind: DeviceZone
metadata: {name: druglib}
spec:
  role: Clinical
  members: {namespaces: [druglib]}
---
apiVersion: medfence.io/v1alpha1
kind: MedicalDevice
metadata: {name: pump-gateway, namespace: infusion}
spec:
  zone: infusion
  criticality: LifeSustaining
  workload: {podSelector: {matchLabels: {app: gateway}}}
  identity: {model: Spectrum IQ GW}
---
apiVersion: medfence.io/v1alpha1
kind: Conduit
metadata: {name: library-to-pumps}
spec:
  from: {zones: [druglib]}
  to: {zones: [infusion]}
  services: [{protocol: TCP, port: 3613}]
  purpose: Drug library updates to the pump gateway
`

// newHappy runs the operator on a small declaration that is in force.
func newHappy(t *testing.T, target string) *bench {
	t.Helper()
	b := newBench(t, sharedLab(t), target)
	b.namespace("infusion", "druglib")
	b.create(happy)
	b.pod("infusion", "gw-1", map[string]string{"app": "gateway"})
	b.pod("infusion", "gw-2", map[string]string{"app": "gateway"})
	b.ready(&medfencev1alpha1.DeviceZone{}, "infusion", "True", medfencev1alpha1.ReasonEnforced)
	b.ready(&medfencev1alpha1.DeviceZone{}, "druglib", "True", medfencev1alpha1.ReasonPeer)
	b.ready(&medfencev1alpha1.MedicalDevice{}, "infusion/pump-gateway", "True", medfencev1alpha1.ReasonEnforced)
	b.ready(&medfencev1alpha1.Conduit{}, "library-to-pumps", "True", medfencev1alpha1.ReasonEnforced)
	b.eventually("both pods to be counted", func() error {
		device := &medfencev1alpha1.MedicalDevice{}
		return errors.Join(b.object(device, "infusion/pump-gateway"), differ("2 pods", device.Status.Located))
	})
	b.settled()
	return b
}

// differ returns the difference of two values as an error.
func differ(want, got any) error {
	if diff := cmp.Diff(want, got); diff != "" {
		return errors.New(diff)
	}
	return nil
}

func TestWhatIsDeclaredBecomesPoliciesAndIsReady(t *testing.T) {
	b := newHappy(t, "netpol")
	if diff := cmp.Diff([]string{"medfence-baseline-infusion", "medfence-gateway-6a97848e20"}, b.policies("infusion")); diff != "" {
		t.Error(diff)
	}
	if got := b.policies("druglib"); len(got) != 0 {
		t.Errorf("a peer's namespace has policies: %v", got)
	}
	for kind, want := range map[string]string{
		"devicezones": `NAME       ROLE       ENFORCEMENT   DEVICES   PODS   UNREGISTERED   CONDUITS   READY   STATUS
druglib    Clinical                 0         0      0              1          True    Peer
infusion   Device     Enforce       1         2      0              1          True    Enforced`,
		"medicaldevices": `NAME           ZONE       MODEL            CRITICALITY      LOCATED   CONDUITS   READY   STATUS
pump-gateway   infusion   Spectrum IQ GW   LifeSustaining   2 pods    1          True    Enforced`,
		"conduits": `NAME               FROM      TO         SERVICES   EXPIRES   READY   STATUS     PURPOSE
library-to-pumps   druglib   infusion   TCP:3613             True    Enforced   Drug library updates to the pump gateway`,
	} {
		if diff := cmp.Diff(want, b.table(kind, "infusion")); diff != "" {
			t.Errorf("kubectl get %s: (-want +got)\n%s", kind, diff)
		}
	}
}

func TestConditionsSaySoInWords(t *testing.T) {
	b := newHappy(t, "netpol")
	for _, tc := range []struct {
		object client.Object
		name   string
		want   string
	}{
		{&medfencev1alpha1.DeviceZone{}, "infusion", `Accepted=True Accepted: The spec is in force.
Enforced=True Enforced: Every flow of the zone's pods that no conduit permits is denied.
Ready=True Enforced: Every flow of the zone's pods that no conduit permits is denied.
Isolated=True Isolated: Nothing passes that no conduit permits, whoever wrote the policies.`},
		{&medfencev1alpha1.DeviceZone{}, "druglib", `Accepted=True Accepted: The spec is in force.
Enforced=True Peer: The zone is a peer: it is restricted only towards Device zones.
Ready=True Peer: The zone is a peer: it is restricted only towards Device zones.`},
		{&medfencev1alpha1.Conduit{}, "library-to-pumps", `Accepted=True Accepted: The spec is in force.
Enforced=True Enforced: The flow is permitted, and nothing beside it.
Ready=True Enforced: The flow is permitted, and nothing beside it.`},
	} {
		if err := b.object(tc.object, tc.name); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tc.want, words(tc.object)); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", tc.name, diff)
		}
	}
}

// table returns what kubectl get prints, without the age.
func (b *bench) table(kind, namespace string) string {
	b.Helper()
	args := []string{"get", kind, "-n", namespace}
	if namespace == "" {
		args = []string{"get", kind, "-A"}
	}
	out, err := b.cluster.Kubectl(b.Context(), args...).Output()
	if err != nil {
		b.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	cut := strings.Index(lines[0], "AGE")
	for i, line := range lines {
		if cut >= 0 && len(line) > cut {
			line = line[:cut]
		}
		lines[i] = strings.TrimRight(line, " ")
	}
	return strings.Join(lines, "\n")
}
