package admission_test

import "fmt"

func device(namespace, labels string) ask {
	return creates(fmt.Sprintf("{apiVersion: medfence.io/v1alpha1, kind: MedicalDevice, metadata: {name: new, namespace: %s, labels: {%s}}, spec: {zone: icu, criticality: Ancillary}}", namespace, labels))
}

func labelScenes() []scene {
	const own = "medfence-security-labels"
	const pump = "MedicalDevice icu/pump"
	change := func(labels string) ask { return patches(pump, `{"metadata":{"labels":`+labels+`}}`) }
	var out []scene
	for name, a := range map[string]ask{
		"creates with":   device("icu", "security.medfence.io/tier: gold"),
		"adds":           change(`{"security.medfence.io/more":"x"}`),
		"changes":        change(`{"security.medfence.io/tier":"iron"}`),
		"empties":        change(`{"security.medfence.io/tier":""}`),
		"removes":        change(`{"security.medfence.io/tier":null}`),
		"removes all of": change(`null`),
	} {
		out = append(out,
			scene{"clinical engineering " + name + " a label", "clint", a, refused, own, []string{"clint may not add, change or remove security.medfence.io/", "MedicalDevice icu/", "ask security"}},
			scene{"security " + name + " a label", "sara", a, passes, "", nil},
			scene{"root " + name + " a label", "root", a, passes, "", nil})
	}
	return append(out,
		scene{"clinical engineering declares a device", "clint", device("free", "team: wards"), passes, "", nil},
		scene{"clinical engineering labels a device", "clint", change(`{"team":null,"ward":"3"}`), passes, "", nil},
		scene{"clinical engineering edits a device", "clint", patches(pump, `{"spec":{"criticality":"Monitoring"}}`), passes, "", nil},
		scene{"clinical engineering takes a device away", "clint", deletes(pump), passes, "", nil},
		scene{"in an emergency", "breakglass", change(`{"security.medfence.io/tier":"iron"}`), passes, "", nil},
	)
}

func enforceScenes() []scene {
	const own = "medfence-enforce-unregistered"
	const enforce, observe = `{"spec":{"enforcement":"Enforce"}}`, `{"spec":{"enforcement":"Observe"}}`
	return []scene{
		{"security closes a ward with strangers", "sara", patches("DeviceZone ward", enforce), refused, own, []string{"sara sets zone ward to Enforce with 3 pods that no MedicalDevice selects", "Register them"}},
		{"root does", "root", patches("DeviceZone ward", enforce), refused, own, []string{"admin sets zone ward"}},
		{"security closes a theatre", "sara", patches("DeviceZone theatre", enforce), passes, "", nil},
		{"security opens the unit", "sara", patches("DeviceZone icu", observe), passes, "", nil},
		{"security describes a ward", "sara", patches("DeviceZone ward", `{"spec":{"description":"Ward 3"}}`), passes, "", nil},
		{"in an emergency", "breakglass", patches("DeviceZone ward", enforce), passes, "", nil},
	}
}

func unclosedScenes() []scene {
	const own = "medfence-unclosed-namespace"
	out := []scene{
		{"a pod before the baseline", "nora", creates(pod("born", "", "")), refused, own, []string{"nora may not create Pod born/new yet", "zone born shall close the namespace", "Try again in a moment", "set the zone to Observe"}},
		{"a controller's pod before the baseline", "deployment-controller", creates(pod("born", "", "")), refused, own, nil},
		{"a pod in an emergency", "breakglass", creates(pod("born", "", "")), passes, "", nil},
		{"a pod that is there", "nora", patches("Pod born/pump", `{"metadata":{"labels":{"app":"x"}}}`), passes, "", nil},
		{"a pod goes", "nora", deletes("Pod born/pump"), passes, "", nil},
	}
	// What nobody has looked at, refused, or closed already stops no pod.
	for _, n := range []string{"icu", "ward", "silent", "stale", "refused", "leaving", "clinic", "free"} {
		out = append(out, scene{"a pod in " + n, "nora", creates(pod(n, "", "")), passes, "", nil})
	}
	return out
}
