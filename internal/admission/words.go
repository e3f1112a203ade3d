package admission

import (
	"maps"
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
)

// Breakglass is the group, and the user, that an emergency is handled as: no
// guard looks at it. It is taken by impersonation, which the audit log shows
// beside the name of the person.
const Breakglass = "medfence:breakglass"

// emergency ends the words of guards that deny what a night may need.
const emergency = "In an emergency: kubectl --as=" + Breakglass + " --as-group=" + Breakglass + " (docs/admission.md)."

// notExempt is false for the operator, and for the group of emergencies.
func notExempt(operator string) string {
	return "request.userInfo.username != " + quoted(operator) + " &&\n" +
		"!(has(request.userInfo.groups) && " + quoted(Breakglass) + " in request.userInfo.groups)"
}

// Parts of expressions about a zone, which is params.
const (
	// namespaceListed: the zone's spec names the request's namespace, and the
	// operator has not refused that spec. What it refused closes nothing.
	namespaceListed = `has(params.spec.members) && has(params.spec.members.namespaces) &&
request.namespace in params.spec.members.namespaces && ` + notRefused
	// notRefused: the operator has not refused the zone's current spec.
	notRefused = `!(has(params.status) && has(params.status.conditions) && params.status.conditions.exists(c,
  c.type == 'Accepted' && c.status == 'False' &&
  has(c.observedGeneration) && c.observedGeneration == params.metadata.generation))`
	// isDevice: only Device zones are segmented.
	isDevice = `params.spec.role == 'Device'`
	// enforced: the zone's spec says Enforce.
	enforced = `has(params.spec.enforcement) && params.spec.enforcement == 'Enforce'`
	// namespaceClosed: the zone's baseline stands in the request's namespace,
	// listed, held, or about to be released.
	namespaceClosed = `has(params.status) && has(params.status.namespaces) && params.status.namespaces.exists(n,
  n.name == request.namespace && has(n.baseline) && n.baseline)`
)

// concerned is true where the request's namespace is closed, or shall be.
const concerned = isDevice + " && (\n" +
	"(" + namespaceClosed + ") ||\n(" + enforced + " && " + namespaceListed + "))"

// watched is true where the request's namespace is of a zone in Observe, and
// not closed any more.
const watched = isDevice + " && !(" + enforced + ") &&\n" +
	namespaceListed + " &&\n!(" + namespaceClosed + ")"

// Parts for requests that name no namespace.
const (
	// closesSome: the zone closes a namespace, or shall.
	closesSome = isDevice + " && (" + enforced + ` ||
(has(params.status) && has(params.status.namespaces) && params.status.namespaces.exists(n, has(n.baseline) && n.baseline)))`
	// closesNone: the zone only watches.
	closesNone = isDevice + " && !(" + closesSome + ")"
	// zoneListed are the names of the namespaces that the zone lists, and
	// zoneHeld those of others that it still closes.
	zoneListed = `has(params.spec.members) && has(params.spec.members.namespaces) && ` + notRefused + ` ? params.spec.members.namespaces : []`
	zoneHeld   = `has(params.status) && has(params.status.namespaces) ?
  params.status.namespaces.filter(n, has(n.baseline) && n.baseline && !(n.name in variables.listed)).map(n, n.name) : []`
)

// subject names the object of a request: Pod icu/pump-1. The request has no
// name where many are deleted at once, or where the name is to be generated.
const subject = `request.kind.kind + ' ' + (has(request.namespace) && request.namespace != '' ? request.namespace + '/' : '') +
(oldObject != null ? oldObject.metadata.name :
 has(object.metadata.name) && object.metadata.name != '' ? object.metadata.name :
 has(object.metadata.generateName) ? object.metadata.generateName + '*' : '')`

// ours is true for what bears a mark of the operator's own objects.
func ours(object string) string {
	return strings.NewReplacer("X", object,
		"ZONE", quoted(medfencev1alpha1.LabelZone),
		"BY", quoted(medfencev1alpha1.LabelManagedBy), "MEDFENCE", quoted(medfencev1alpha1.ManagedBy),
		"UID", quoted(medfencev1alpha1.AnnotationZoneUID),
	).Replace(`(X != null && (
  (has(X.metadata.labels) && (ZONE in X.metadata.labels ||
    (BY in X.metadata.labels && X.metadata.labels[BY] == MEDFENCE))) ||
  (has(X.metadata.annotations) && UID in X.metadata.annotations)))`)
}

// rule is what a policy looks at.
func rule(group, version string, operations []admissionregistrationv1.OperationType, resources ...string) admissionregistrationv1.NamedRuleWithOperations {
	return admissionregistrationv1.NamedRuleWithOperations{RuleWithOperations: admissionregistrationv1.RuleWithOperations{
		Operations: operations,
		Rule: admissionregistrationv1.Rule{
			APIGroups: []string{group}, APIVersions: []string{version}, Resources: resources,
			Scope: new(admissionregistrationv1.AllScopes),
		},
	}}
}

// Operations that policies look at.
var (
	writes  = []admissionregistrationv1.OperationType{admissionregistrationv1.Create, admissionregistrationv1.Update}
	changes = []admissionregistrationv1.OperationType{admissionregistrationv1.Create, admissionregistrationv1.Update, admissionregistrationv1.Delete}
	creates = []admissionregistrationv1.OperationType{admissionregistrationv1.Create}
	updates = []admissionregistrationv1.OperationType{admissionregistrationv1.Update}
	connect = []admissionregistrationv1.OperationType{admissionregistrationv1.Connect}
)

func variable(name, expression string) admissionregistrationv1.Variable {
	return admissionregistrationv1.Variable{Name: name, Expression: expression}
}

func condition(name, expression string) admissionregistrationv1.MatchCondition {
	return admissionregistrationv1.MatchCondition{Name: name, Expression: expression}
}

// quoted returns a CEL string. No text here has a quote or a backslash in it.
func quoted(text string) string { return "'" + text + "'" }

// list returns a CEL list of strings.
func list(texts []string) string {
	out := make([]string, 0, len(texts))
	for _, t := range texts {
		out = append(out, quoted(t))
	}
	return "[" + strings.Join(out, ", ") + "]"
}

// dashed joins the parts that are not empty.
func dashed(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(p string) bool { return p == "" }), "-")
}

func sorted(texts []string) []string { return slices.Compact(slices.Sorted(slices.Values(texts))) }

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
