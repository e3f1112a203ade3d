package admission_test

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
)

// staff gives the lab the people of a hospital.
func (l *lab) staff() {
	l.Helper()
	l.create(`
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: platform-extras}
rules:
- {apiGroups: [cilium.io], resources: ["*"], verbs: ["*"]}
- {apiGroups: [networking.k8s.io], resources: [networkpolicies], verbs: ["*"]}
- {apiGroups: [""], resources: [pods/ephemeralcontainers], verbs: [update, patch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: clinical-engineering}
rules:
- {apiGroups: [medfence.io], resources: [medicaldevices], verbs: ["*"]}
- {apiGroups: [medfence.io], resources: [devicezones, conduits], verbs: [get, list, watch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: security}
rules:
- {apiGroups: [medfence.io], resources: [devicezones, conduits, medicaldevices], verbs: [get, list, watch, create, update, patch, delete]}
`)
	for binding, role := range map[string][2]string{
		"cluster-admin": {"cluster-admin", "ada"}, "admin": {"admin", "nora"}, "extras": {"platform-extras", "nora"},
		"clinic": {"clinical-engineering", "clint"}, "security": {"security", "sara"}, "on-call": {"medfence-breakglass-impersonator", "olga"},
		"debug-admin": {"admin", "dora"}, "debug-extras": {"platform-extras", "dora"}, "debug": {"debug-icu", "dora"},
	} {
		l.create(`
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: test-` + binding + `}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: ` + role[0] + `}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: ` + role[1] + `}]`)
	}
	l.create(`
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: debug-icu}
rules: [{apiGroups: [medfence.io], resources: [devicezones], resourceNames: [icu], verbs: [debug]}]`)
	for _, name := range []string{"ada", "nora", "clint", "sara", "dora", "olga"} {
		l.user(name)
	}
	l.as("breakglass", l.people["olga"], "medfence:breakglass", "medfence:breakglass")
	l.as("admin-breakglass", l.root, "medfence:breakglass", "medfence:breakglass")
	l.as("namespace-controller", l.root, "system:serviceaccount:kube-system:namespace-controller")
	l.as("garbage-collector", l.root, "system:serviceaccount:kube-system:generic-garbage-collector")
	l.as("deployment-controller", l.root, "system:serviceaccount:kube-system:deployment-controller", "system:masters")
	config, err := l.cluster.ServiceAccountConfig(l.Context(), "medfence-system", "medfence-operator")
	l.must(err)
	for _, file := range []string{"role", "role_binding"} {
		l.createFile("../../config/rbac/" + file + ".yaml")
	}
	l.known(newPerson("operator", config))
}

// hospital gives the lab zones in every state that guards tell apart, with a
// namespace each and what stands in it.
func (l *lab) hospital() {
	l.Helper()
	accepted := func(status metav1.ConditionStatus, generation int64, namespaces ...medfencev1alpha1.NamespaceStatus) func(*medfencev1alpha1.DeviceZoneStatus) {
		return func(s *medfencev1alpha1.DeviceZoneStatus) {
			s.ObservedGeneration = generation
			s.Namespaces = namespaces
			s.Conditions = []metav1.Condition{{
				Type: "Accepted", Status: status, Reason: "Tested", ObservedGeneration: generation, LastTransitionTime: metav1.Now(),
			}}
		}
	}
	closed := func(name string) medfencev1alpha1.NamespaceStatus {
		return medfencev1alpha1.NamespaceStatus{Name: name, Baseline: true}
	}
	open := func(name string) medfencev1alpha1.NamespaceStatus {
		return medfencev1alpha1.NamespaceStatus{Name: name}
	}
	l.zone("icu", "Enforce", []string{"icu"}, accepted("True", 1, closed("icu")))
	l.zone("ward", "Observe", []string{"ward"}, func(s *medfencev1alpha1.DeviceZoneStatus) {
		accepted("True", 1)(s)
		s.Pods, s.Unregistered = 5, 3
	})
	l.zone("theatre", "Observe", []string{"theatre"}, accepted("True", 1))
	l.zone("silent", "Enforce", []string{"silent"}, nil)
	l.zone("born", "Enforce", []string{"born"}, accepted("True", 1, open("born")))
	l.zone("stale", "Enforce", []string{"stale"}, accepted("True", 0, open("stale")))
	l.zone("refused", "Enforce", []string{"refused", "cilium"}, accepted("False", 1, open("refused")))
	l.zone("leaving", "Observe", []string{"elsewhere"}, accepted("True", 1,
		medfencev1alpha1.NamespaceStatus{Name: "leaving", Held: true, Baseline: true}))
	l.zone("clinic", "", []string{"clinic"}, nil)
	for _, n := range []string{"icu", "ward", "theatre", "silent", "born", "stale", "refused", "leaving", "clinic", "free", "cilium"} {
		l.create(`
apiVersion: v1
kind: Namespace
metadata: {name: ` + n + `}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: devices, namespace: ` + n + `}
---
apiVersion: v1
kind: Pod
metadata: {name: pump, namespace: ` + n + `}
spec: {serviceAccountName: devices, automountServiceAccountToken: false, containers: [{name: main, image: example.org/none}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: theirs, namespace: ` + n + `}
spec: {podSelector: {}}`)
	}
	l.create(`
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: medfence-baseline-icu, namespace: icu, labels: {app.kubernetes.io/managed-by: medfence, medfence.io/zone: icu}, annotations: {medfence.io/zone-uid: x}}
spec: {podSelector: {}, policyTypes: [Ingress, Egress]}
---
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: medfence-pump, namespace: icu, labels: {app.kubernetes.io/managed-by: medfence, medfence.io/zone: icu}}
spec: {endpointSelector: {}, ingress: [{}]}
---
apiVersion: cilium.io/v2
kind: CiliumClusterwideNetworkPolicy
metadata: {name: medfence-guard-icu, labels: {app.kubernetes.io/managed-by: medfence, medfence.io/zone: icu}}
spec: {endpointSelector: {matchLabels: {k8s:io.kubernetes.pod.namespace: icu}}, ingress: [{}]}
---
apiVersion: cilium.io/v2
kind: CiliumCIDRGroup
metadata: {name: medfence-icu-0d1e2f3a4b, labels: {app.kubernetes.io/managed-by: medfence, medfence.io/zone: icu}}
spec: {externalCIDRs: [10.20.1.0/24]}
---
apiVersion: cilium.io/v2
kind: CiliumCIDRGroup
metadata: {name: theirs}
spec: {externalCIDRs: [10.99.0.0/16]}
---
apiVersion: v1
kind: Pod
metadata: {name: old-host, namespace: icu, labels: {host: "true"}}
spec: {serviceAccountName: devices, automountServiceAccountToken: false, hostNetwork: true, containers: [{name: main, image: example.org/none}]}
---
apiVersion: v1
kind: Service
metadata: {name: old-port, namespace: icu}
spec: {type: NodePort, selector: {app: pump}, ports: [{port: 80}]}
---
apiVersion: medfence.io/v1alpha1
kind: MedicalDevice
metadata: {name: pump, namespace: icu, labels: {security.medfence.io/tier: gold, team: wards}}
spec: {zone: icu, criticality: Ancillary}`)
}
