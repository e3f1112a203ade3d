package oracle

import (
	"strings"
	"testing"
)

func TestAPrefixMatchesNoPodHostOrNode(t *testing.T) {
	checkCilium(t, []flowCase{
		{"gateway", "archive", "tcp/80", true},
		{"gateway", "internet", "tcp/80", true},
		{"gateway", "archive6", "tcp/80", true},
		{"gateway", "guest", "tcp/80", false},
		{"gateway", "pacs-east", "tcp/80", false},
		{"gateway", "host", "tcp/80", false},
		{"gateway", "node", "tcp/80", false},
		{"gateway", "apiserver", "tcp/80", false},
		{"gateway", "cloudapi", "tcp/80", true},
	}, egressPolicy("everywhere", "egress", `toCIDR: [0.0.0.0/0, "::/0"]`))
}

func TestAPrefixWithTheAddressOfANodeOrPodStillMatchesNeither(t *testing.T) {
	checkCilium(t, []flowCase{
		{"gateway", "node", "tcp/80", false},
		{"gateway", "host", "tcp/80", false},
		{"gateway", "guest", "tcp/80", false},
	}, egressPolicy("nodes", "egress", `toCIDR: [192.168.1.1/32, 192.168.1.2/32, 10.0.0.0/24]`))
}

func TestAnExceptIsNoDeny(t *testing.T) {
	except := egressPolicy("allow", "egress", `toCIDRSet: [{cidr: 10.20.0.0/16, except: [10.20.0.0/24]}]`)
	checkCilium(t, []flowCase{
		{"gateway", "archive", "tcp/80", false},
		{"gateway", "printer", "tcp/80", true},
	}, except)
	checkCilium(t, []flowCase{
		{"gateway", "archive", "tcp/80", true},
	}, except, egressPolicy("other", "egress", `toCIDR: [10.20.0.5/32]`))
}

func TestADenyOfTheWorldKillsAllowedPrefixesAndNames(t *testing.T) {
	allows := egressPolicy("cidr", "egress", `toCIDR: [10.20.0.0/16, "fd20::/64"]`) +
		"---" + egressPolicy("group", "egress", `toCIDRSet: [{cidrGroupRef: archives}]`) +
		"---" + egressPolicy("name", "egress", `toFQDNs: [{matchName: updates.vendor.example}]`) +
		"---" + group("archives", "10.20.1.0/24")
	cases := map[string]struct {
		deny string
		v6   bool // still open to the IPv6 archive
	}{
		"no deny":        {"", true},
		"entity world":   {"toEntities: [world]", false},
		"entity all":     {"toEntities: [all]", false},
		"0.0.0.0/0":      {"toCIDR: [0.0.0.0/0]", true},
		"both wildcards": {`toCIDR: [0.0.0.0/0, "::/0"]`, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			manifests := []string{allows}
			if tc.deny != "" {
				manifests = append(manifests, egressPolicy("deny", "egressDeny", tc.deny))
			}
			checkCilium(t, []flowCase{
				{"gateway", "archive", "tcp/80", tc.deny == ""},
				{"gateway", "printer", "tcp/80", tc.deny == ""},
				{"gateway", "vendor", "tcp/80", tc.deny == ""},
				{"gateway", "archive6", "tcp/80", tc.v6},
				{"gateway", "internet", "tcp/80", false},
			}, manifests...)
		})
	}
}

// group is a CIDR group.
func group(name string, cidrs ...string) string {
	return `
kind: CiliumCIDRGroup
metadata: {name: ` + name + `}
spec: {externalCIDRs: ["` + strings.Join(cidrs, `", "`) + `"]}
`
}

func TestTheLabelsOfAGroupLeakDownNestedPrefixes(t *testing.T) {
	nested := []string{group("hospital", "10.20.0.0/16"), group("archives", "10.20.0.0/24")}
	allow := egressPolicy("allow", "egress", `toCIDRSet: [{cidrGroupRef: hospital}]`)
	t.Run("an allow of the wider group permits the narrower one", func(t *testing.T) {
		checkCilium(t, []flowCase{
			{"gateway", "printer", "tcp/80", true},
			{"gateway", "archive", "tcp/80", true},
		}, append(nested, allow)...)
	})
	t.Run("a deny of the wider group cuts the narrower one", func(t *testing.T) {
		checkCilium(t, []flowCase{
			{"gateway", "printer", "tcp/80", false},
			{"gateway", "archive", "tcp/80", false},
		}, append(nested,
			egressPolicy("allow", "egress", `toCIDRSet: [{cidrGroupRef: archives}]`),
			egressPolicy("deny", "egressDeny", `toCIDRSet: [{cidrGroupRef: hospital}]`))...)
	})
	t.Run("disjoint groups keep apart", func(t *testing.T) {
		checkCilium(t, []flowCase{
			{"gateway", "printer", "tcp/80", true},
			{"gateway", "archive", "tcp/80", false},
		}, group("hospital", "10.20.1.0/24", "10.20.2.0/23"), group("archives", "10.20.0.0/24"), allow)
	})
}

func TestAnotherTeamsPrefixInsideAGroupStaysInTheGroup(t *testing.T) {
	checkCilium(t, []flowCase{
		{"gateway", "archive", "tcp/80", true},
		{"gateway", "printer", "tcp/80", true},
	}, group("hospital", "10.20.0.0/16"),
		egressPolicy("allow", "egress", `toCIDRSet: [{cidrGroupRef: hospital}]`),
		group("theirs", "10.20.0.5/32"),
		`
kind: CiliumNetworkPolicy
metadata: {name: theirs, namespace: guests}
spec:
  endpointSelector: {}
  egress: [{toCIDR: [10.20.0.5/32]}]
`)
}

func TestOneAddressInTwoGroupsIsInBoth(t *testing.T) {
	checkCilium(t, []flowCase{
		{"gateway", "archive", "tcp/80", false},
	}, group("ours", "10.20.0.5/32"), group("theirs", "10.20.0.5/32"),
		egressPolicy("allow", "egress", `toCIDRSet: [{cidrGroupRef: ours}]`),
		egressPolicy("deny", "egressDeny", `toCIDRSet: [{cidrGroupRef: theirs}]`))
}

func TestABareAddressInAGroupIsSkipped(t *testing.T) {
	checkCilium(t, []flowCase{
		{"gateway", "archive", "tcp/80", false},
		{"gateway", "printer", "tcp/80", true},
	}, group("archives", "10.20.0.5", "10.20.1.7/32"),
		egressPolicy("allow", "egress", `toCIDRSet: [{cidrGroupRef: archives}]`))
}

func TestAGroupThatDoesNotExistMatchesNothing(t *testing.T) {
	checkCilium(t, []flowCase{
		{"gateway", "archive", "tcp/80", false},
		{"gateway", "internet", "tcp/80", false},
	}, egressPolicy("allow", "egress", `toCIDRSet: [{cidrGroupRef: nowhere}]`))
}

func TestAnExceptBesideAGroupIsIgnoredOrRefused(t *testing.T) {
	checkCilium(t, []flowCase{
		{"gateway", "archive", "tcp/80", false},
		{"gateway", "printer", "tcp/80", true},
	}, group("hospital", "10.20.0.0/16"),
		egressPolicy("allow", "egress", `toCIDRSet: [{cidrGroupRef: hospital, except: [10.20.0.0/24]}]`))
}

func TestADenyOfEveryOtherGroupLeavesTheOwnGroupOpen(t *testing.T) {
	others := `toCIDRSet: [{cidrGroupSelector: {matchExpressions: [` +
		`{key: io.cilium.policy.cidrgroupname/archives, operator: DoesNotExist}]}}]`
	checkCilium(t, []flowCase{
		{"gateway", "archive", "tcp/80", true},
		{"gateway", "archive6", "tcp/80", true},
		{"gateway", "printer", "tcp/80", false},
		{"gateway", "internet", "tcp/80", false},
		{"gateway", "internet6", "tcp/80", false},
		{"gateway", "vendor", "tcp/80", false},
		{"gateway", "cloudapi", "tcp/80", false},
		{"gateway", "guest", "tcp/80", true},
		{"gateway", "node", "tcp/80", true},
	}, group("archives", "10.20.0.0/24", "fd20::/64"), group("printers", "10.20.1.0/24"),
		allowAlls["a CiliumNetworkPolicy of entities"], egressPolicy("deny", "egressDeny", others))
}

// The name of a group is a label like any other: whoever may create a
// CiliumCIDRGroup can put prefixes into ours.
func TestTheLabelsOfAGroupCanBeSpoofedItsNameIncluded(t *testing.T) {
	theirs := `
kind: CiliumCIDRGroup
metadata: {name: theirs, labels: {medfence.io/zone: infusion, io.cilium.policy.cidrgroupname/archives: ""}}
spec: {externalCIDRs: [203.0.113.0/24]}
`
	matching := func(field, key, operator string) string {
		return egressPolicy("selector", field, `toCIDRSet: [{cidrGroupSelector: {matchExpressions: [`+
			`{key: "`+key+`", operator: `+operator+`}]}}]`)
	}
	allowAll := allowAlls["a CiliumNetworkPolicy of entities"]
	cases := map[string]struct {
		policies []string
		allowed  bool
	}{
		"a label of our choosing":      {[]string{matching("egress", "medfence.io/zone", "Exists")}, true},
		"our name in a selector":       {[]string{matching("egress", "io.cilium.policy.cidrgroupname/archives", "Exists")}, true},
		"our name as a reference":      {[]string{egressPolicy("ref", "egress", "toCIDRSet: [{cidrGroupRef: archives}]")}, true},
		"the guard's denial of others": {[]string{allowAll, matching("egressDeny", "io.cilium.policy.cidrgroupname/archives", "DoesNotExist")}, true},
		"a denial of other names":      {[]string{allowAll, matching("egressDeny", "io.cilium.policy.cidrgroupname/printers", "DoesNotExist")}, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			checkCilium(t, []flowCase{{"gateway", "internet", "tcp/80", tc.allowed}},
				append(tc.policies, theirs, group("archives", "10.20.0.0/24"))...)
		})
	}
}

func TestAnExactNameStaysReachableBesideADenyOfEveryGroupButOurs(t *testing.T) {
	deny := egressPolicy("deny", "egressDeny", `toCIDRSet: [{cidrGroupSelector: {matchExpressions: [`+
		`{key: io.cilium.policy.cidrgroupname/archives, operator: DoesNotExist}, `+
		`{key: "fqdn:updates.vendor.example", operator: DoesNotExist}]}}]`)
	allow := egressPolicy("allow", "egress",
		`{toFQDNs: [{matchName: updates.vendor.example}], toPorts: [{ports: [{port: "443", protocol: TCP}]}]}`)
	checkCilium(t, []flowCase{
		{"gateway", "vendor", "tcp/443", true},
		{"gateway", "vendor", "tcp/80", false},
		{"gateway", "internet", "tcp/443", false},
		{"gateway", "archive", "tcp/443", false},
	}, allow, deny, group("archives", "10.20.0.0/24"))
}

// Selectors are kept by their text, and an empty one of groups has the text of
// the selector of everyone.
func TestAnEmptySelectorOfGroupsMeansEveryone(t *testing.T) {
	everyone := []flowCase{
		{"gateway", "internet", "tcp/80", true},
		{"gateway", "guest", "tcp/80", true},
		{"gateway", "node", "tcp/80", true},
		{"gateway", "host", "tcp/80", true},
	}
	checkCilium(t, everyone, egressPolicy("allow", "egress", `toCIDRSet: [{cidrGroupSelector: {}}]`))
	addresses := []flowCase{
		{"gateway", "internet", "tcp/80", true},
		{"gateway", "guest", "tcp/80", false},
		{"gateway", "node", "tcp/80", false},
		{"gateway", "host", "tcp/80", false},
	}
	checkCilium(t, addresses, egressPolicy("allow", "egress", `toCIDRSet: [{cidrGroupSelector: {matchExpressions: [`+
		`{key: io.cilium.policy.cidrgroupname/none, operator: DoesNotExist}]}}]`))
}
