package admission

import (
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
)

// SecurityPrefix begins the labels of MedicalDevices that security alone gives.
const SecurityPrefix = "security.medfence.io/"

// securityLabels keeps the labels by which a conduit's deviceSelector can be a
// boundary in the hands of those who write zones. It looks at our own kind and
// at nothing else: it refuses where it fails.
func securityLabels() Guard {
	return Guard{Name: SecurityLabels, Default: Deny, policies: []policy{{
		failure: admissionregistrationv1.Fail,
		cluster: true,
		rules: []admissionregistrationv1.NamedRuleWithOperations{
			rule(medfencev1alpha1.GroupVersion.Group, "*", writes, "medicaldevices"),
		},
		variables: []admissionregistrationv1.Variable{
			variable("now", "has(object.metadata.labels) ? object.metadata.labels : {}"),
			variable("before", "oldObject != null && has(oldObject.metadata.labels) ? oldObject.metadata.labels : {}"),
			variable("changed", `variables.now.filter(k, k.startsWith('`+SecurityPrefix+`') &&
  !(k in variables.before && variables.before[k] == variables.now[k])) +
variables.before.filter(k, k.startsWith('`+SecurityPrefix+`') && !(k in variables.now))`),
		},
		validations: []validation{{
			rule:  "size(variables.changed) == 0 || authorizer.group('medfence.io').resource('devicezones').check('update').allowed()",
			short: "labels security.medfence.io/* of a MedicalDevice are given by those who may update DeviceZones",
			words: `request.userInfo.username + ' may not add, change or remove ' + variables.changed.join(', ') + ' on ' + ` + subject + ` + ': ` +
				`conduits are drawn by labels ` + SecurityPrefix + `*, which are given by those who may update DeviceZones. ` +
				`Leave them as they are, and ask security to change them. ` + emergency + `'`,
		}},
	}}}
}

// enforceUnregistered speaks up where a zone is closed while pods in it are no
// devices: these reach nothing from then on. Its advice must not stand in the
// way of closing a zone: it lets pass where it fails.
func enforceUnregistered() Guard {
	return Guard{Name: EnforceUnregistered, Default: Warn, policies: []policy{{
		failure: admissionregistrationv1.Ignore,
		cluster: true,
		rules: []admissionregistrationv1.NamedRuleWithOperations{
			rule(medfencev1alpha1.GroupVersion.Group, "*", updates, "devicezones"),
		},
		conditions: []admissionregistrationv1.MatchCondition{condition("begins-to-enforce",
			"has(object.spec.enforcement) && object.spec.enforcement == 'Enforce' &&\n"+
				"!(has(oldObject.spec.enforcement) && oldObject.spec.enforcement == 'Enforce')")},
		variables: []admissionregistrationv1.Variable{
			variable("unregistered", "has(oldObject.status) && has(oldObject.status.unregistered) ? oldObject.status.unregistered : 0"),
		},
		validations: []validation{{
			rule:  "variables.unregistered == 0",
			short: "the zone has pods that no MedicalDevice selects: they reach nothing once it is enforced",
			words: `request.userInfo.username + ' sets zone ' + object.metadata.name + ' to Enforce with ' + string(variables.unregistered) + ` +
				`(variables.unregistered == 1 ? ' pod that no MedicalDevice selects: it reaches nothing' : ' pods that no MedicalDevice selects: they reach nothing') + ` +
				`' and cannot be reached once the zone is closed. Register them or move them out of its namespaces, then enforce; ` +
				`back is spec.enforcement: Observe.'`,
		}},
	}}}
}

// unclosedNamespace keeps pods out of a namespace that a zone shall close and
// has not closed yet: without Cilium, whose baseline holds by name, the pod
// would be open until then. It speaks only of what the operator has written of
// the zone's current spec, so that no ward is stopped by an operator that was
// down when somebody wrote Enforce; and it lets pass where it fails.
func unclosedNamespace() Guard {
	return Guard{Name: UnclosedNamespace, Default: Deny, policies: []policy{{
		failure: admissionregistrationv1.Ignore,
		rules:   []admissionregistrationv1.NamedRuleWithOperations{rule("", "v1", creates, "pods")},
		zone: isDevice + " && " + enforced + ` &&
has(params.status) && has(params.status.namespaces) && params.status.namespaces.exists(n,
  n.name == request.namespace && !(has(n.baseline) && n.baseline)) &&
has(params.status.conditions) && params.status.conditions.exists(c,
  c.type == 'Accepted' && c.status == 'True' &&
  has(c.observedGeneration) && c.observedGeneration == params.metadata.generation)`,
		conditions: []admissionregistrationv1.MatchCondition{condition("not-a-mirror",
			"!(has(object.metadata.annotations) && 'kubernetes.io/config.mirror' in object.metadata.annotations)")},
		validations: []validation{{
			rule:  "false",
			short: "the namespace belongs to a DeviceZone that has not closed it yet: try again in a moment",
			words: `request.userInfo.username + ' may not create ' + ` + subject + ` + ' yet: zone ' + params.metadata.name + ` +
				`' shall close the namespace and its baseline does not stand there, so the pod would be open to all. Try again in a moment; ` +
				`controllers do by themselves. If it lasts, look at the operator and at the zone\'s problems, or set the zone to Observe. ` + emergency + `'`,
		}},
	}}}
}
