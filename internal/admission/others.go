package admission

import (
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
)

// newRules is true where a policy's rules are new or changed, not its labels.
const newRules = `request.operation == 'CREATE' ||
(has(dyn(object).spec) ? [dyn(object).spec] : []) != (has(dyn(oldObject).spec) ? [dyn(oldObject).spec] : []) ||
(has(dyn(object).specs) ? [dyn(object).specs] : []) != (has(dyn(oldObject).specs) ? [dyn(oldObject).specs] : [])`

// rulesOfOthers are conditions: what bears our marks is another guard's.
func rulesOfOthers() []admissionregistrationv1.MatchCondition {
	return []admissionregistrationv1.MatchCondition{
		condition("not-ours", "!"+ours("oldObject")),
		condition("new-rules", newRules),
	}
}

// selectsElsewhere is true for a rule (s) of a clusterwide policy that surely
// selects no pod of the zone: it is for nodes, or it names other namespaces.
// The key comes with or without Cilium's source (k8s:, any:).
const selectsElsewhere = `!has(s.endpointSelector) ||
(has(s.endpointSelector.matchLabels) && s.endpointSelector.matchLabels.exists(k,
  (k == 'io.kubernetes.pod.namespace' || k.endsWith(':io.kubernetes.pod.namespace')) && !(s.endpointSelector.matchLabels[k] in variables.namespaces))) ||
(has(s.endpointSelector.matchExpressions) && s.endpointSelector.matchExpressions.exists(e,
  (e.key == 'io.kubernetes.pod.namespace' || e.key.endsWith(':io.kubernetes.pod.namespace')) && (
    (e.operator == 'In' && !e.values.exists(v, v in variables.namespaces)) ||
    (e.operator == 'NotIn' && variables.namespaces.all(n, n in e.values)) ||
    e.operator == 'DoesNotExist')))`

// foreignPolicies speaks up where somebody else writes policies for the pods of
// a zone: policies add up, so that one can open what Medfence closes. It only
// advises by default, and lets pass where it fails.
func foreignPolicies() Guard {
	const advice = ` To permit a flow, write a Conduit; to forbid one, narrow a Conduit: no other policy is needed there. ` +
		`Whether the zone is still isolated, its status says. ` + emergency + `'`
	return Guard{Name: ForeignPolicies, Default: Warn, policies: []policy{{
		failure:    admissionregistrationv1.Ignore,
		zone:       concerned,
		observing:  watched,
		conditions: rulesOfOthers(),
		rules: []admissionregistrationv1.NamedRuleWithOperations{
			rule("networking.k8s.io", "*", writes, "networkpolicies"),
			rule("cilium.io", "*", writes, "ciliumnetworkpolicies"),
		},
		validations: []validation{{
			rule:  "false",
			short: "the namespace belongs to a DeviceZone: permit flows by a Conduit, not by a policy of your own",
			words: `request.userInfo.username + ' writes ' + ` + subject + ` + ' in a namespace of zone ' + params.metadata.name + ` +
				`': policies add up, so it may open what Medfence closes, or close what a conduit permits.` + advice,
		}},
	}, {
		part:       "clusterwide",
		failure:    admissionregistrationv1.Ignore,
		cluster:    true,
		zone:       closesSome,
		observing:  closesNone,
		conditions: rulesOfOthers(),
		rules: []admissionregistrationv1.NamedRuleWithOperations{
			rule("cilium.io", "*", writes, "ciliumclusterwidenetworkpolicies"),
		},
		variables: []admissionregistrationv1.Variable{
			variable("listed", zoneListed),
			variable("held", zoneHeld),
			variable("namespaces", "variables.listed + variables.held"),
			variable("rules", "(has(object.spec) ? [object.spec] : []) + (has(object.specs) ? object.specs : [])"),
		},
		validations: []validation{{
			rule:  "size(variables.namespaces) == 0 || variables.rules.all(s, " + selectsElsewhere + ")",
			short: "the policy may select pods of a DeviceZone: name other namespaces in its endpointSelector",
			words: `request.userInfo.username + ' writes ' + ` + subject + ` + ', which may select pods of zone ' + params.metadata.name + ` +
				`': policies add up, so it may open what Medfence closes, or close what a conduit permits. If it is not meant for them, ` +
				`say so in endpointSelector: {key: k8s:io.kubernetes.pod.namespace, operator: NotIn, values: [' + ` +
				`(size(variables.namespaces) > 32 ? 'the namespaces of the zone' : variables.namespaces.join(', ')) + ']}.` + advice,
		}},
	}}}
}
