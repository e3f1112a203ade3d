package admission

import (
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
)

// controllers of Kubernetes that must be able to delete or update whatever
// exists: the collectors of namespaces and garbage, the migrator of stored
// versions, and all of them under one name where kube-controller-manager runs
// without --use-service-account-credentials. None of them creates our objects.
var controllers = []string{
	"system:serviceaccount:kube-system:namespace-controller",
	"system:serviceaccount:kube-system:generic-garbage-collector",
	"system:serviceaccount:kube-system:storage-version-migrator-controller",
	"system:kube-controller-manager",
}

// ciliumPolicies are what Cilium decides by, beside NetworkPolicies.
var ciliumPolicies = []string{"ciliumnetworkpolicies", "ciliumclusterwidenetworkpolicies", "ciliumcidrgroups"}

// spoofed is true for a group that pretends to be one of ours: Cilium takes the
// label with which it names a group from whoever bears it.
const spoofed = `(object != null && request.kind.kind == 'CiliumCIDRGroup' && !has(object.metadata.deletionTimestamp) &&
  has(object.metadata.labels) && object.metadata.labels.exists(k, k.startsWith('io.cilium.policy.cidrgroupname/medfence-')))`

// ownObjects lets nobody but the operator write what bears its marks, nor put
// the marks on something else or take them off. It needs no zones, and the
// operator writes all the same if it fails: it refuses rather than let pass.
func ownObjects() Guard {
	return Guard{Name: OwnObjects, Default: Deny, policies: []policy{{
		failure: admissionregistrationv1.Fail,
		cluster: true,
		rules: []admissionregistrationv1.NamedRuleWithOperations{
			rule("networking.k8s.io", "*", changes, "networkpolicies"),
			rule("cilium.io", "*", changes, ciliumPolicies...),
		},
		conditions: []admissionregistrationv1.MatchCondition{
			condition("not-a-collector", "!(request.operation in ['UPDATE', 'DELETE'] && request.userInfo.username in\n"+list(controllers)+")"),
			condition("bears-our-marks", ours("object")+" ||\n"+ours("oldObject")+" ||\n"+spoofed),
		},
		variables: []admissionregistrationv1.Variable{
			variable("was", ours("oldObject")),
			variable("named", subject),
		},
		validations: []validation{{
			rule:  "!variables.was",
			short: "only Medfence's operator writes this object: change the DeviceZone, MedicalDevice or Conduit that it serves",
			words: `request.userInfo.username + ' may not change or delete ' + variables.named + ': only Medfence\'s operator writes it, ` +
				`and would put it back. Change the DeviceZone, MedicalDevice or Conduit that it serves instead; to open its whole zone at once, ` +
				`set spec.enforcement of the DeviceZone to Observe. ` + emergency + `'`,
		}, {
			rule:  "variables.was || !" + ours("object"),
			short: "the labels app.kubernetes.io/managed-by=medfence and medfence.io/zone mark what Medfence's operator writes: remove them",
			words: `request.userInfo.username + ' may not mark ' + variables.named + ' as Medfence\'s own: remove the labels ` +
				`app.kubernetes.io/managed-by=medfence and medfence.io/zone and the annotation medfence.io/zone-uid, which a copied ` +
				`manifest brings along. To permit a flow, write a Conduit. ` + emergency + `'`,
		}, {
			rule:  "!" + spoofed,
			short: "the label io.cilium.policy.cidrgroupname/medfence-... would make Cilium take this group for one of Medfence's: remove it",
			words: `request.userInfo.username + ' may not give ' + variables.named + ' a label io.cilium.policy.cidrgroupname/medfence-...: ` +
				`Cilium would take its addresses for a group of Medfence\'s, and a conduit would open for them. Remove the label; to permit ` +
				`addresses, put them in spec.members.cidrs of a DeviceZone. ` + emergency + `'`,
		}},
	}}}
}
