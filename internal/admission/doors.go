package admission

import (
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"

	"github.com/medfence/medfence/internal/compile"
)

// Debug is the verb on a DeviceZone, by its name, that lets a person into the
// pods of the zone. It is RBAC's to grant; the API server itself never asks it.
const Debug = "debug"

// sideDoors closes the ways round every policy: for pods, for Services, and for
// people. It lets pass where it fails, since pods must start also on a cluster
// whose CRDs are gone.
func sideDoors() Guard {
	return Guard{Name: SideDoors, Default: Deny, policies: []policy{podDoors(), serviceDoors(), access()}}
}

// doors returns an expression for the list of ways round policies that a pod or
// a template of pods has.
func doors(pod string) string {
	keys, prefixes := compile.ReservedLabelKeys()
	reserved := []string{"k in " + list(keys)}
	for _, p := range prefixes {
		reserved = append(reserved, "k.startsWith("+quoted(p)+")")
	}
	return strings.NewReplacer("X", pod, "RESERVED", strings.Join(reserved, " || ")).Replace(`X == null ? [] : (
  (has(X.spec.hostNetwork) && X.spec.hostNetwork ? ['spec.hostNetwork'] : []) +
  (X.spec.containers.exists(c, has(c.ports) && c.ports.exists(p, has(p.hostPort) && p.hostPort > 0)) ||
   (has(X.spec.initContainers) && X.spec.initContainers.exists(c, has(c.ports) && c.ports.exists(p, has(p.hostPort) && p.hostPort > 0)))
    ? ['hostPort'] : []) +
  (has(X.metadata) && has(X.metadata.annotations) ? ['k8s.v1.cni.cncf.io/networks', 'v1.multus-cni.io/default-network']
    .filter(a, a in X.metadata.annotations).map(a, 'annotation ' + a) : []) +
  (has(X.metadata) && has(X.metadata.labels) ? X.metadata.labels.filter(k, RESERVED).map(k, 'label ' + k) : []))`)
}

// template returns an expression for the pod, or its template, in an object.
func template(object string) string {
	return strings.ReplaceAll(`X == null ? null : request.kind.kind == 'Pod' ? dyn(X) :
request.kind.kind == 'CronJob' ? dyn(X).spec.jobTemplate.spec.template :
has(dyn(X).spec.template) ? dyn(X).spec.template : null`, "X", object)
}

// podDoors looks at pods, and at the workloads of people, so that they hear at
// once. What stands already stays as it is: only what is added is refused. In
// Observe it leaves pods alone: their status warns, and each policy costs every
// pod of the cluster an evaluation for each zone.
func podDoors() policy {
	workloads := []admissionregistrationv1.NamedRuleWithOperations{
		rule("", "v1", writes, "replicationcontrollers"),
		rule("apps", "v1", writes, "deployments", "statefulsets", "daemonsets", "replicasets"),
		rule("batch", "v1", writes, "jobs", "cronjobs"),
	}
	return policy{
		failure:   admissionregistrationv1.Ignore,
		zone:      concerned,
		observing: watched,
		rules:     append([]admissionregistrationv1.NamedRuleWithOperations{rule("", "v1", writes, "pods")}, workloads...),
		observed:  workloads,
		conditions: []admissionregistrationv1.MatchCondition{
			condition("not-being-deleted", "!has(object.metadata.deletionTimestamp)"),
			condition("not-a-controllers-workload",
				"request.kind.kind == 'Pod' || !request.userInfo.username.startsWith('system:serviceaccount:kube-system:')"),
		},
		variables: []admissionregistrationv1.Variable{
			variable("pod", template("object")),
			variable("before", template("oldObject")),
			variable("doors", doors("variables.pod")),
			variable("stood", doors("variables.before")),
		},
		validations: []validation{{
			rule:  "variables.doors.all(d, d in variables.stood)",
			short: "in a namespace of a DeviceZone no pod may have a way round the network policies: hostNetwork, hostPort, Multus networks, or label keys that Cilium reserves",
			words: `request.userInfo.username + ' may not write ' + ` + subject + ` + ' in zone ' + params.metadata.name + ' with ' + ` +
				`variables.doors.filter(d, !(d in variables.stood)).join(', ') + ': it leads round every network policy. ` +
				`Remove it, or move the workload to a namespace of no Device zone. ` + emergency + `'`,
		}},
	}
}

// hides returns an expression that is true where a Service lets outsiders in
// under the address of a node.
func hides(service string) string {
	return strings.ReplaceAll(`(X != null && (X.spec.type in ['NodePort', 'LoadBalancer'] ||
  (has(X.spec.externalIPs) && size(X.spec.externalIPs) > 0)) &&
 !(has(X.spec.externalTrafficPolicy) && X.spec.externalTrafficPolicy == 'Local'))`, "X", service)
}

// serviceDoors looks at Services behind which an outsider looks like a node.
func serviceDoors() policy {
	return policy{
		part:       "services",
		failure:    admissionregistrationv1.Ignore,
		zone:       concerned,
		observing:  watched,
		rules:      []admissionregistrationv1.NamedRuleWithOperations{rule("", "v1", writes, "services")},
		conditions: []admissionregistrationv1.MatchCondition{condition("hides-the-source", hides("object")+" && !"+hides("oldObject"))},
		validations: []validation{{
			rule:  "false",
			short: "in a namespace of a DeviceZone a Service that is reached from outside must keep the source address: set externalTrafficPolicy to Local",
			words: `request.userInfo.username + ' may not write ' + ` + subject + ` + ' in zone ' + params.metadata.name + ': reached from outside, ` +
				`it hides the sender behind the address of a node, which no policy can tell from others. ` +
				`Set spec.externalTrafficPolicy to Local, or use type ClusterIP. ` + emergency + `'`,
		}},
	}
}

// access looks at people who enter pods, or their ports, through the API server,
// which no network policy sees.
func access() policy {
	return policy{
		part:      "access",
		failure:   admissionregistrationv1.Ignore,
		zone:      concerned,
		observing: watched,
		rules: []admissionregistrationv1.NamedRuleWithOperations{
			rule("", "v1", connect, "pods/exec", "pods/attach", "pods/portforward", "pods/proxy", "services/proxy"),
			rule("", "v1", updates, "pods/ephemeralcontainers"),
		},
		validations: []validation{{
			rule:  "authorizer.group('medfence.io').resource('devicezones').name(params.metadata.name).check('" + Debug + "').allowed()",
			short: "only those who may debug the DeviceZone may exec, attach, forward ports or add ephemeral containers in its namespaces",
			words: `request.userInfo.username + ' may not use ' + request.subResource + ' on ' + request.namespace + '/' + request.name + ` +
				`' in zone ' + params.metadata.name + ': it enters the zone through the API server, where no network policy looks. ` +
				`It takes the verb ` + Debug + ` on devicezones/' + params.metadata.name + ': ask whoever owns the zone to bind you to the ClusterRole ` +
				`medfence-zone-debugger. ` + emergency + `'`,
		}},
	}
}
