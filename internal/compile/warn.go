package compile

import (
	"fmt"
	"maps"
	"slices"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/internal/flow"
	"github.com/medfence/medfence/internal/plan"
	"github.com/medfence/medfence/internal/snapshot"
)

// warnOfCluster reports what the cluster's own state does to zones and
// conduits.
func (c *compiler) warnOfCluster() {
	for _, z := range c.zones {
		if !z.usable() {
			continue
		}
		warn := func(reason, path, format string, args ...any) {
			c.problems = append(c.problems, z.problem(reason, path, fmt.Sprintf(format, args...)))
		}
		c.warnOfRanges(z, warn)
		if z.segmented() {
			c.countDevicePods(z)
			c.warnOfNamespaces(z, warn)
			c.warnOfPods(z, warn)
			c.warnOfHalves(z, warn)
			c.warnOfTarget(z, warn)
			continue
		}
		c.countPeerPods(z)
	}
	for _, d := range c.conduits {
		if d.standing != plan.Absent {
			c.warnOfServices(d)
		}
	}
}

func (c *compiler) warnOfRanges(z *zone, warn reporter) {
	if c.in.Cluster.RangesUnknown && len(z.prefixes) > 0 {
		warn(medfencev1alpha1.ReasonClusterRangesUnknown, "spec.members.cidrs",
			"the cluster's pod ranges are not known, so nobody can tell whether a cidr meets them; give them to the operator with --cluster-cidr")
	}
}

func (c *compiler) warnOfTarget(z *zone, warn reporter) {
	for _, n := range c.in.Cluster.Notes {
		warn(n.Reason, "", "%s", n.Message)
	}
	if c.in.Target.Kind == snapshot.Netpol && z.spec.Enforcement == medfencev1alpha1.Observe {
		warn(medfencev1alpha1.ReasonNoTrafficEvidence, "spec.enforcement",
			"without Cilium nothing records what enforcement would drop; compare the planned policies with what the devices need before you set Enforce")
	}
	if c.in.Target.Kind == snapshot.Netpol && z.dns() == medfencev1alpha1.DNSNames {
		warn(medfencev1alpha1.ReasonUnenforceable, "spec.dns",
			"dns: Names needs Cilium; registered pods of this zone resolve any name here")
	}
}

func (c *compiler) countDevicePods(z *zone) {
	for _, n := range z.namespaces {
		for _, p := range c.pods[n.Name] {
			z.pods++
			if !c.registered(z, p) {
				z.unregistered++
			}
		}
	}
}

// registered reports whether a device of the zone selects a pod.
func (c *compiler) registered(z *zone, p snapshot.Pod) bool {
	return slices.ContainsFunc(z.workloadKeys, func(k plan.WorkloadKey) bool {
		return k.Namespace == p.Namespace && c.workloads[k].matches.Matches(labelSet(p.Labels))
	})
}

func (c *compiler) countPeerPods(z *zone) {
	selector, err := parseSelector(z.spec.Members.PodSelector)
	if err != nil {
		return
	}
	for _, n := range z.namespaces {
		for _, p := range c.pods[n.Name] {
			if selector.Matches(labelSet(p.Labels)) {
				z.pods++
			}
		}
	}
}

func (c *compiler) warnOfNamespaces(z *zone, warn reporter) {
	for _, n := range z.namespaces {
		switch {
		case n.Held && z.in.Deleting:
			warn(medfencev1alpha1.ReasonNamespaceHeld, "metadata.deletionTimestamp",
				"namespace %s stays closed while pods run in it (%d now); end them, or set deletionPolicy: Release", n.Name, len(c.pods[n.Name]))
		case n.Held:
			warn(medfencev1alpha1.ReasonNamespaceHeld, "spec.members.namespaces",
				"namespace %s is no longer listed but stays closed while pods run in it (%d now); end them, list it again, or set deletionPolicy: Release",
				n.Name, len(c.pods[n.Name]))
		case !n.Exists:
			warn(medfencev1alpha1.ReasonNamespaceMissing, "spec.members.namespaces",
				"namespace %s does not exist yet; create it, or correct the name", n.Name)
		}
	}
}

func (c *compiler) warnOfPods(z *zone, warn reporter) {
	if z.unregistered > 0 {
		when := ""
		if !z.enforce() {
			when = " once the zone is enforced"
		}
		message := fmt.Sprintf("%d pods that no MedicalDevice selects reach nothing%s; register them, or end them", z.unregistered, when)
		if z.unregistered == 1 {
			message = fmt.Sprintf("1 pod that no MedicalDevice selects reaches nothing%s; register it, or end it", when)
		}
		warn(medfencev1alpha1.ReasonUnregisteredPods, "", "%s", message)
	}
	for _, n := range z.namespaces {
		for _, p := range c.pods[n.Name] {
			warnOfPod(p, warn)
		}
	}
}

func warnOfPod(p snapshot.Pod, warn reporter) {
	name := p.Namespace + "/" + p.Name
	if p.HostNetwork {
		warn(medfencev1alpha1.ReasonHostNetworkPod, "",
			"pod %s uses the host's network, which no policy restricts; run it without hostNetwork", name)
	}
	if p.Networks != "" {
		warn(medfencev1alpha1.ReasonSecondaryInterface, "",
			"pod %s has a secondary interface (%s), which no policy sees; remove it, or restrict it in the network", name, p.Networks)
	}
	for _, k := range slices.Sorted(maps.Keys(p.Labels)) {
		if reservedKey(k) {
			warn(medfencev1alpha1.ReasonPodReservedLabel, "",
				"pod %s has the label key %q, which has a meaning of its own for Cilium; rename the label", name, k)
		}
	}
}

// warnOfHalves reports a zone with pods and addresses that nothing joins: the
// gateway cannot reach the pumps of its own zone.
func (c *compiler) warnOfHalves(z *zone, warn reporter) {
	pods := slices.ContainsFunc(z.devices, func(d *device) bool { return d.matches != nil })
	if !pods || len(z.reach) == 0 {
		return
	}
	for _, e := range z.sideEnds {
		s := e.conduit.spec
		if slices.Equal(s.From.Zones, []string{z.in.Name}) && slices.Equal(s.To.Zones, s.From.Zones) {
			return
		}
	}
	warn(medfencev1alpha1.ReasonHalvesApart, "spec.members",
		"the zone has both pods and addresses, and no conduit from the zone to itself lets them talk; add one if they must")
}

// warnOfServices reports Services that mislead a conduit: whose port is not the
// pod's, or that hide the address of who comes from outside.
func (c *compiler) warnOfServices(d *conduit) {
	fromOutside := slices.ContainsFunc(d.from, func(e plan.End) bool { return len(e.Groups) > 0 })
	for _, end := range d.to {
		for _, key := range end.Workloads {
			w := c.workloads[key]
			for _, s := range c.services[key.Namespace] {
				if w == nil || !c.serves(s, w) {
					continue
				}
				c.warnOfServicePort(d, s, key.Namespace)
				if fromOutside && s.HidesSource {
					c.problems = append(c.problems, d.problem(medfencev1alpha1.ReasonSourceAddressLost, "spec.from",
						"Service %s/%s hides the addresses of who comes from outside the cluster, so this conduit does not recognise them; set externalTrafficPolicy: Local on it",
						s.Namespace, s.Name))
				}
			}
		}
	}
}

// serves reports whether a Service leads to pods of a workload: pods that both
// select, or, before there are any, labels that agree.
func (c *compiler) serves(s snapshot.Service, w *workload) bool {
	if len(s.Selector) == 0 {
		return false
	}
	target := labelSet(s.Selector).AsSelectorPreValidated()
	found := false
	for _, p := range c.pods[s.Namespace] {
		if !target.Matches(labelSet(p.Labels)) {
			continue
		}
		found = true
		if w.matches.Matches(labelSet(p.Labels)) {
			return true
		}
	}
	if found {
		return false
	}
	for k, v := range s.Selector {
		if have, ok := w.selector.MatchLabels[k]; ok && have != v {
			return false
		}
	}
	return true
}

// warnOfServicePort reports a conduit that names the port of a Service where
// its pods listen on another.
func (c *compiler) warnOfServicePort(d *conduit, s snapshot.Service, namespace string) {
	listens := func(protocol flow.Protocol, port int32) bool {
		return slices.ContainsFunc(s.Ports, func(p snapshot.ServicePort) bool {
			return p.Protocol == protocol && c.targetOf(s, p, namespace) == port
		})
	}
	for _, p := range s.Ports {
		target := c.targetOf(s, p, namespace)
		if target == 0 || target == p.Port || p.Port < 1 || p.Port > flow.MaxPort || listens(p.Protocol, p.Port) {
			continue
		}
		for _, service := range d.resolved {
			if service.Protocol == p.Protocol && service.Ports.Contains(uint16(p.Port)) && !service.Ports.Contains(uint16(target)) {
				c.problems = append(c.problems, d.problem(medfencev1alpha1.ReasonServicePort, "spec.services",
					"%d is the port of Service %s/%s, whose pods listen on %d; policies see the pod's port: write port: %d",
					p.Port, s.Namespace, s.Name, target, target))
			}
		}
	}
}

// targetOf returns the pod's port behind a Service's port, or 0 if it is not
// known.
func (c *compiler) targetOf(s snapshot.Service, p snapshot.ServicePort, namespace string) int32 {
	if p.TargetName == "" {
		return p.TargetPort
	}
	target := labelSet(s.Selector).AsSelectorPreValidated()
	for _, pod := range c.pods[namespace] {
		if port, ok := pod.Ports[p.TargetName]; ok && target.Matches(labelSet(pod.Labels)) {
			return port
		}
	}
	return 0
}
