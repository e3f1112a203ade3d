package compile

import (
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
			c.problems = append(c.problems, z.problem(reason, path, sentence(format, args...)))
		}
		c.warnOfRanges(z, warn)
		c.warnOfNamespaces(z, warn)
		if z.segmented() {
			c.countDevicePods(z)
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
		warn(n.Reason, "", "%s", wording(n.Message))
	}
	if c.in.Target.Kind == snapshot.Netpol && z.spec.Enforcement == medfencev1alpha1.Observe {
		warn(medfencev1alpha1.ReasonNoTrafficEvidence, "spec.enforcement",
			"without Cilium nothing records what enforcement would drop; compare the planned policies with what the devices need before you set Enforce")
	}
	if !c.resolvesNames() && z.dns() == medfencev1alpha1.DNSNames {
		warn(medfencev1alpha1.ReasonUnenforceable, "spec.dns",
			"dns: Names needs Cilium with its DNS proxy; registered pods of this zone resolve any name here")
	}
}

func (c *compiler) countDevicePods(z *zone) {
	for _, n := range z.namespaces {
		for _, p := range c.pods[n.Name] {
			z.pods++
			if c.registered(z, p) {
				continue
			}
			z.unregistered++
			if !p.HostNetwork { // that one reaches everything, and is named as such
				z.strangers = append(z.strangers, podName(p))
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
		pods := len(c.pods[n.Name])
		switch {
		case n.Held:
			warnOfHeld(z, n.Name, pods, warn)
		case !n.Exists && slices.Contains(z.listed, n.Name):
			warn(medfencev1alpha1.ReasonNamespaceMissing, "spec.members.namespaces",
				"namespace %s does not exist yet; create it, or correct the name", n.Name)
		}
		if n.Terminating && pods > 0 && z.enforce() && c.in.Target.Kind == snapshot.Netpol {
			warn(medfencev1alpha1.ReasonUnenforceable, "spec.members.namespaces",
				"namespace %s is being deleted, and its policies may go before its pods (%d now); end the pods, since without Cilium nothing else closes it",
				n.Name, pods)
		}
	}
}

func warnOfHeld(z *zone, namespace string, pods int, warn reporter) {
	path, message := "spec.members.namespaces",
		"namespace %s is no longer listed but stays closed while pods run in it (%d now); end them, list it again, or set deletionPolicy: Release"
	switch {
	case z.in.Deleting:
		path, message = "metadata.deletionTimestamp",
			"namespace %s stays closed while pods run in it (%d now); end them, or set deletionPolicy: Release"
	case slices.Contains(z.in.Spec.Members.Namespaces, namespace):
		message = "namespace %s stays closed while pods run in it (%d now), although no spec of the zone is in force; mend the spec"
	}
	warn(medfencev1alpha1.ReasonNamespaceHeld, path, message, namespace, pods)
}

func (c *compiler) warnOfPods(z *zone, warn reporter) {
	if n := len(z.strangers); n > 0 {
		what, then := "pods that no MedicalDevice selects reach nothing", "register them, or end them"
		if n == 1 {
			what, then = "pod that no MedicalDevice selects reaches nothing", "register it, or end it"
		}
		if !z.enforce() {
			what += " once the zone is enforced"
		}
		warn(medfencev1alpha1.ReasonUnregisteredPods, "", "%d %s (%s); %s", n, what, listing(z.strangers), then)
	}
	odd := oddPods{labels: map[string][]string{}}
	for _, n := range z.namespaces {
		for _, p := range c.pods[n.Name] {
			odd.add(p)
		}
	}
	odd.warn(warn)
}

// oddPods are pods that policies do not hold, by name.
type oddPods struct {
	host, interfaces []string
	networks         string
	labels           map[string][]string // by label key
}

func (o *oddPods) add(p snapshot.Pod) {
	name := podName(p)
	if p.HostNetwork {
		o.host = append(o.host, name)
	}
	if p.Networks != "" {
		o.interfaces, o.networks = append(o.interfaces, name), p.Networks
	}
	for k := range p.Labels {
		if reservedKey(k) {
			o.labels[k] = append(o.labels[k], name)
		}
	}
}

func podName(p snapshot.Pod) string { return tidy(p.Namespace+"/"+p.Name, maxQuote/2) }

// warn says of each kind one sentence, however many pods there are.
func (o *oddPods) warn(warn reporter) {
	switch n := len(o.host); {
	case n == 1:
		warn(medfencev1alpha1.ReasonHostNetworkPod, "", "pod %s uses the host's network, which no policy restricts; run it without hostNetwork", o.host[0])
	case n > 1:
		warn(medfencev1alpha1.ReasonHostNetworkPod, "", "pods %s use the host's network, which no policy restricts; run them without hostNetwork", listing(o.host))
	}
	switch n := len(o.interfaces); {
	case n == 1:
		warn(medfencev1alpha1.ReasonSecondaryInterface, "",
			"pod %s has a secondary interface (%s), which no policy sees; remove it, or restrict it in the network", o.interfaces[0], o.networks)
	case n > 1:
		warn(medfencev1alpha1.ReasonSecondaryInterface, "",
			"pods %s have secondary interfaces, which no policy sees; remove them, or restrict them in the network", listing(o.interfaces))
	}
	for _, k := range slices.Sorted(maps.Keys(o.labels)) {
		pods, has := "pod", "has"
		if len(o.labels[k]) > 1 {
			pods, has = "pods", "have"
		}
		warn(medfencev1alpha1.ReasonPodReservedLabel, "",
			"%s %s %s the label key %q, which has a meaning of its own for Cilium; rename the label", pods, listing(o.labels[k]), has, k)
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
			if w == nil {
				continue
			}
			serving := slices.DeleteFunc(slices.Clone(c.services[key.Namespace]), func(s snapshot.Service) bool { return !c.serves(s, w) })
			listens := c.listens(serving)
			for _, s := range serving {
				c.warnOfServicePort(d, s, listens)
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

// A socket is where a pod listens.
type socket struct {
	protocol flow.Protocol
	port     uint16
}

// listens returns the ports on which Services find the pods behind them.
func (c *compiler) listens(services []snapshot.Service) map[socket]bool {
	out := map[socket]bool{}
	for _, s := range services {
		for _, p := range s.Ports {
			if target := c.targetOf(s, p); validPort(target) {
				out[socket{p.Protocol, uint16(target)}] = true
			}
		}
	}
	return out
}

// warnOfServicePort reports a conduit that names the port of a Service where
// its pods listen on another, and no Service says that they listen on this too.
func (c *compiler) warnOfServicePort(d *conduit, s snapshot.Service, listens map[socket]bool) {
	for _, p := range s.Ports {
		target := c.targetOf(s, p)
		if !validPort(target) || !validPort(p.Port) || target == p.Port || listens[socket{p.Protocol, uint16(p.Port)}] {
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

func validPort(port int32) bool { return port >= 1 && port <= flow.MaxPort }

// targetOf returns the pod's port behind a Service's port, or 0 if it is not
// known.
func (c *compiler) targetOf(s snapshot.Service, p snapshot.ServicePort) int32 {
	if p.TargetName == "" {
		return p.TargetPort
	}
	target := labelSet(s.Selector).AsSelectorPreValidated()
	for _, pod := range c.pods[s.Namespace] {
		if port, ok := pod.Ports[p.TargetName]; ok && target.Matches(labelSet(pod.Labels)) {
			return port
		}
	}
	return 0
}
