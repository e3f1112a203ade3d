package people_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// ward is what stands while scenes are asked for. The lab has no operator.
const ward = `
apiVersion: v1
kind: Namespace
metadata: {name: icu}
---
apiVersion: medfence.io/v1alpha1
kind: DeviceZone
metadata: {name: icu, finalizers: [medfence.io/zone, example.org/other]}
spec:
  role: Device
  enforcement: Enforce
  members: {namespaces: [icu, icu-2], inventoryNamespaces: [records], cidrs: [10.20.0.0/16, 10.30.0.0/16]}
  dns: Names
  encryption: Required
  securityLevel: {target: 3}
---
apiVersion: medfence.io/v1alpha1
kind: DeviceZone
metadata: {name: lab}
spec: {role: Device, enforcement: Observe, members: {namespaces: [lab]}, deletionPolicy: Release}
---
apiVersion: medfence.io/v1alpha1
kind: DeviceZone
metadata: {name: clinic}
spec:
  role: Clinical
  members:
    namespaces: [clinic, clinic-2]
    namespaceSelector: {matchLabels: {ward: "3"}, matchExpressions: [{key: tier, operator: In, values: [a, b]}]}
    podSelector: {matchLabels: {app: engine}}
    cidrs: [10.40.0.0/16]
---
apiVersion: medfence.io/v1alpha1
kind: DeviceZone
metadata: {name: vendor}
spec: {role: External, members: {fqdns: [updates.vendor.example, files.vendor.example]}}
---
apiVersion: medfence.io/v1alpha1
kind: DeviceZone
metadata: {name: cluster}
spec: {role: Infrastructure, members: {entities: [KubeAPIServer]}}
---
apiVersion: medfence.io/v1alpha1
kind: Conduit
metadata: {name: orders}
spec:
  from: {zones: [clinic, lab], deviceSelector: {matchLabels: {tier: gold}, matchExpressions: [{key: model, operator: In, values: [a, b]}]}}
  to: {zones: [icu, lab]}
  services: [{name: hl7-mllp}, {protocol: TCP, port: 3613}, {protocol: TCP, port: 9000, endPort: 9010}]
  http: [{method: GET, path: /a}, {method: PUT}]
  purpose: Orders to the infusion pumps
  startsAt: "2030-01-01T00:00:00Z"
  expiresAt: "2031-01-01T00:00:00Z"
---
apiVersion: medfence.io/v1alpha1
kind: Conduit
metadata: {name: plain}
spec: {from: {zones: [clinic]}, to: {zones: [icu]}, services: [{name: telnet}], purpose: A plain conduit, riskAcceptance: Accepted by the board until June}
---
apiVersion: medfence.io/v1alpha1
kind: Conduit
metadata: {name: inside}
spec: {from: {zones: [icu]}, to: {zones: [icu]}, services: [{protocol: TCP, port: 1}, {protocol: TCP, port: 2}], purpose: Traffic inside the zone}
---
apiVersion: medfence.io/v1alpha1
kind: Conduit
metadata: {name: across}
spec: {from: {zones: [icu, lab]}, to: {zones: [icu, lab]}, services: [{protocol: TCP, port: 1}], purpose: Between the two zones}
---
apiVersion: medfence.io/v1alpha1
kind: MedicalDevice
metadata: {name: pump, namespace: icu, labels: {tier: gold}}
spec: {zone: icu, criticality: Ancillary, workload: {podSelector: {matchLabels: {app: pump}}}, addresses: [10.20.0.7, 10.20.0.8]}
---
apiVersion: medfence.io/v1alpha1
kind: MedicalDevice
metadata: {name: somewhere, namespace: icu}
spec: {zone: icu, criticality: Ancillary}
`

// staffed binds the roles of config/rbac/people to people of the issuer.
const staffed = `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: test-%[1]s}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: %[1]s}
subjects:
- {apiGroup: rbac.authorization.k8s.io, kind: User, name: "staff:sara"}
- {kind: ServiceAccount, namespace: argocd, name: argocd-application-controller}
- {kind: ServiceAccount, namespace: argocd, name: argocd-application-controller-2}
- {kind: ServiceAccount, namespace: medfence-system, name: medfence-operator}
`

// A scene is a request, and why it weakens: empty if it does not.
type scene struct {
	name string
	ask  ask
	why  string
}

// prepare sets the ward, once.
func (l *lab) prepare(t *testing.T) {
	t.Helper()
	for _, role := range []string{"medfence-security-officer", "medfence-clinical-engineer"} {
		l.must(t, fmt.Sprintf(staffed, role))
	}
	objects, err := parse(ward)
	if err != nil {
		t.Fatal(err)
	}
	urgent := l.as(t, rest.ImpersonationConfig{UserName: "medfence:breakglass", Groups: []string{"medfence:breakglass", "system:masters"}})
	for _, o := range objects {
		if err := urgent.Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWhatWeakensTakesARecentMultiFactorSignIn(t *testing.T) {
	l := newLab(t)
	l.prepare(t)
	tokens := signIns()
	who := func(name string) client.Client {
		config := l.signedIn(t, "sara", tokens[name])
		whoami(t, config)
		return clientOf(t, config)
	}
	password, fresh, stale := who("password only"), who("fresh"), who("stale")
	account := func(name string) client.Client {
		return l.as(t, rest.ImpersonationConfig{UserName: "system:serviceaccount:" + name})
	}
	argo, operator, other := account("argocd:argocd-application-controller"), account("medfence-system:medfence-operator"), account("argocd:argocd-application-controller-2")
	scenes := slices.Concat(zoneScenes(), newZoneScenes(), conduitScenes(), deviceScenes())
	weak := func(c client.Client, s scene) error {
		err := s.ask(t, c)
		if s.why == "" {
			return err
		}
		if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "denied request") || !strings.Contains(err.Error(), s.why) ||
			!strings.Contains(err.Error(), "without a recent multi-factor sign-in") || !strings.Contains(err.Error(), "--as=medfence:breakglass") {
			return fmt.Errorf("is not refused since %q, but: %w", s.why, err)
		}
		return nil
	}
	for _, s := range scenes { // policies come into force one after the other
		if s.why != "" {
			eventually(t, s.name, func() error { return weak(password, s) })
		}
	}
	for _, s := range scenes {
		if err := weak(password, s); err != nil {
			t.Errorf("%s: with a password: %v", s.name, err)
		}
		if s.why == "" {
			continue
		}
		for name, c := range map[string]client.Client{
			"with a stale sign-in": stale, "as system:masters": l.root,
			"as a service account of nearly the name": other,
		} {
			if err := weak(c, s); err != nil {
				t.Errorf("%s: %s: %v", s.name, name, err)
			}
		}
		for name, c := range map[string]client.Client{"with a fresh sign-in": fresh, "as Argo CD": argo, "as the operator": operator} {
			if err := s.ask(t, c); err != nil {
				t.Errorf("%s: %s: %v", s.name, name, err)
			}
		}
	}
}

// system:masters passes every authorizer, and no admission policy.
func TestTheMightiestIsStoppedToo(t *testing.T) {
	l := newLab(t)
	urgent := l.as(t, rest.ImpersonationConfig{UserName: "medfence:breakglass", Groups: []string{"medfence:breakglass", "system:masters"}})
	for name, s := range map[string]ask{
		"deletes every zone":        deletesAll("DeviceZone"),
		"writes a zone's status":    patchesStatus("DeviceZone icu", `{"status":{"accepted":{"spec":{"enforcement":"Observe"}}}}`),
		"writes a conduit's status": patchesStatus("Conduit orders", `{"status":{"warnings":3}}`),
		"writes a device's status":  patchesStatus("MedicalDevice icu/pump", `{"status":{"warnings":3}}`),
	} {
		eventually(t, name, func() error {
			if err := s(t, l.root); !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "denied request") {
				return fmt.Errorf("root: %w", err)
			}
			return nil
		})
		if err := s(t, urgent); err != nil {
			t.Errorf("%s in an emergency: %v", name, err)
		}
	}
}

func TestTheAuditLogSaysWhatWeakensAndWhoSignedInWhen(t *testing.T) {
	l := newLab(t)
	config := l.signedIn(t, "sara", signIns()["fresh"])
	whoami(t, config)
	s := patches("DeviceZone icu", `{"spec":{"enforcement":"Observe"}}`)
	if err := s(t, clientOf(t, config)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the audit log", func() error {
		raw, err := os.ReadFile(l.cluster.AuditLogFile())
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(raw)) {
			if strings.Contains(line, `"medfence-strong-authentication-devicezones/weakens":"the zone is no longer enforced"`) &&
				strings.Contains(line, `"username":"staff:sara"`) && strings.Contains(line, `"medfence.io/mfa":["`) && strings.Contains(line, `"code":200`) {
				return nil
			}
		}
		return fmt.Errorf("it says nothing of it")
	})
}
