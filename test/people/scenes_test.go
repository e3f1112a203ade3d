package people_test

import "fmt"

func zoneScenes() []scene {
	zone := func(name, patch string) ask { return patches("DeviceZone "+name, patch) }
	spec := func(name, patch string) ask { return zone(name, `{"spec":{`+patch+`}}`) }
	members := func(name, patch string) ask { return spec(name, `"members":{`+patch+`}`) }
	const sel = `"namespaceSelector":`
	const both = `"matchLabels":{"ward":"3"},"matchExpressions":[{"key":"tier","operator":"In","values":["a","b"]}]`
	return []scene{
		{"opening a zone", spec("icu", `"enforcement":"Observe"`), "the zone is no longer enforced"},
		{"closing a zone", spec("lab", `"enforcement":"Enforce"`), ""},
		{"deleting a zone", deletes("DeviceZone icu"), "it deletes the zone"},
		{"deleting a zone in Observe", deletes("DeviceZone lab"), "it deletes the zone"},
		{"deleting a peer", deletes("DeviceZone clinic"), "it deletes the zone"},
		{"a namespace less", members("icu", `"namespaces":["icu"]`), "it takes a namespace out of the zone"},
		{"a namespace in place of another", members("icu", `"namespaces":["icu","icu-3"]`), "it takes a namespace out of the zone"},
		{"no members", spec("icu", `"members":null`), "it takes a namespace out of the zone"},
		{"a namespace more", members("icu", `"namespaces":["icu","icu-2","icu-3"]`), ""},
		{"namespaces in another order", members("icu", `"namespaces":["icu-2","icu"]`), ""},
		{"a namespace more of a peer", members("clinic", `"namespaces":["clinic","clinic-2","clinic-3"]`), "it adds a namespace"},
		{"a namespace less of a peer", members("clinic", `"namespaces":["clinic"]`), ""},
		{"an inventory more", members("icu", `"inventoryNamespaces":["records","more"]`), "it lets devices join from a further namespace"},
		{"an inventory less", members("icu", `"inventoryNamespaces":null`), ""},
		{"addresses more", members("icu", `"cidrs":["10.20.0.0/16","10.30.0.0/16","10.50.0.0/16"]`), "it moves addresses between zones"},
		{"addresses less", members("icu", `"cidrs":["10.20.0.0/16"]`), "it moves addresses between zones"},
		{"addresses less of a peer", members("clinic", `"cidrs":null`), "it moves addresses between zones"},
		{"a longer prefix", members("clinic", `"cidrs":["10.40.0.0/17"]`), "it moves addresses between zones"},
		{"addresses in another order", members("icu", `"cidrs":["10.30.0.0/16","10.20.0.0/16"]`), ""},
		{"a first selector", members("vendor", sel+`{"matchLabels":{"a":"b"}}`), "its namespaceSelector may select more"},
		{"a selector with a label less", members("clinic", sel+`{"matchLabels":null}`), "its namespaceSelector may select more"},
		{"a selector with another label", members("clinic", sel+`{"matchLabels":{"ward":"4"}}`), "its namespaceSelector may select more"},
		{"a selector with another expression", members("clinic", sel+`{"matchExpressions":[{"key":"tier","operator":"In","values":["a","b","c"]}]}`), "its namespaceSelector may select more"},
		{"a selector with a label more", members("clinic", sel+`{"matchLabels":{"floor":"2"}}`), ""},
		{"no selector", members("clinic", sel+`null`), ""},
		{"the same selector", members("clinic", sel+`{`+both+`}`), ""},
		{"pods of another label", members("clinic", `"podSelector":{"matchLabels":{"app":"x"}}`), "its podSelector may select more"},
		{"all pods", members("clinic", `"podSelector":null`), "its podSelector may select more"},
		{"fewer pods", members("clinic", `"podSelector":{"matchLabels":{"tier":"x"}}`), ""},
		{"first pods", members("vendor", `"namespaces":["v"],"podSelector":{"matchLabels":{"tier":"x"}}`), "it adds a namespace"},
		{"a name more", members("vendor", `"fqdns":["updates.vendor.example","*.vendor.example"]`), "it adds a host name"},
		{"a name less", members("vendor", `"fqdns":["updates.vendor.example"]`), ""},
		{"an entity more", members("cluster", `"entities":["KubeAPIServer","Nodes"]`), "it adds an entity"},
		{"an entity less", members("cluster", `"entities":null`), ""},
		{"more names resolved", spec("icu", `"dns":"Cluster"`), "the zone may resolve more names"},
		{"the default of names", spec("icu", `"dns":null`), "the zone may resolve more names"},
		{"fewer names resolved", spec("icu", `"dns":"None"`), ""},
		{"plaintext", spec("icu", `"encryption":"Optional"`), "plaintext is no longer refused"},
		{"the default of plaintext", spec("icu", `"encryption":null`), "plaintext is no longer refused"},
		{"no plaintext", spec("lab", `"encryption":"Required"`), ""},
		{"release", spec("icu", `"deletionPolicy":"Release"`), "the zone opens what it leaves"},
		{"retain", spec("lab", `"deletionPolicy":"Retain"`), ""},
		{"no finalizer", zone("icu", `{"metadata":{"finalizers":["example.org/other"]}}`), "it takes away the finalizer"},
		{"another's finalizer", zone("icu", `{"metadata":{"finalizers":["medfence.io/zone"]}}`), ""},
		{"labels and annotations", zone("icu", `{"metadata":{"labels":{"a":"b"},"annotations":{"a":"b"}}}`), ""},
		{"words", spec("icu", `"description":"Intensive care","owner":"Night shift","securityLevel":{"target":2,"rationale":"less"}`), ""},
		{"two at once", spec("icu", `"enforcement":"Observe","deletionPolicy":"Release"`), "the zone is no longer enforced; the zone opens what it leaves"},
		{"the sign-in in the object", zone("icu", `{"metadata":{"annotations":{"medfence.io/mfa":"x"}},"spec":{"enforcement":"Observe"}}`), "the zone is no longer enforced"},
	}
}

func newZoneScenes() []scene {
	zone := func(spec string) ask {
		return creates(`{apiVersion: medfence.io/v1alpha1, kind: DeviceZone, metadata: {name: new}, spec: {` + spec + `}}`)
	}
	return []scene{
		{"a new zone that closes a namespace", zone("role: Device, enforcement: Enforce, members: {namespaces: [ward]}"), ""},
		{"a new zone that watches", zone("role: Device, enforcement: Observe, members: {namespaces: [ward]}, deletionPolicy: Release, dns: Cluster"), ""},
		{"a new zone of nobody", zone("role: Clinical"), ""},
		{"a new zone with addresses", zone("role: Device, enforcement: Enforce, members: {cidrs: [10.20.1.0/24]}"), "it moves addresses between zones"},
		{"a new zone with an inventory", zone("role: Device, enforcement: Enforce, members: {inventoryNamespaces: [ward]}"), "it lets devices join"},
		{"a new peer with a namespace", zone("role: Clinical, members: {namespaces: [ward]}"), "it adds a namespace"},
		{"a new peer by labels", zone("role: Clinical, members: {namespaceSelector: {matchLabels: {a: b}}}"), "its namespaceSelector may select more"},
		{"a new peer with names", zone("role: External, members: {fqdns: [a.example]}"), "it adds a host name"},
		{"a new peer with entities", zone("role: Infrastructure, members: {entities: [Nodes]}"), "it adds an entity"},
	}
}

func conduitScenes() []scene {
	spec := func(name, patch string) ask { return patches("Conduit "+name, `{"spec":{`+patch+`}}`) }
	orders := func(patch string) ask { return spec("orders", patch) }
	services := func(s string) ask { return orders(`"services":[` + s + `]`) }
	const mllp, pump, span = `{"name":"hl7-mllp"}`, `{"protocol":"TCP","port":3613}`, `{"protocol":"TCP","port":9000,"endPort":9010}`
	const none = `{apiVersion: medfence.io/v1alpha1, kind: Conduit, metadata: {%s: new}, spec: {from: {zones: [clinic]}, to: {zones: [icu]}, services: [{name: hl7-mllp}], purpose: Something that is new%s}}`
	return []scene{
		{"a new conduit", creates(fmt.Sprintf(none, "name", "")), "it is a new conduit"},
		{"a new conduit of any name", creates(fmt.Sprintf(none, "generateName", "")), "it is a new conduit"},
		{"a new conduit that has ended", creates(fmt.Sprintf(none, "name", `, expiresAt: "2020-01-01T00:00:00Z"`)), "it is a new conduit"},
		{"deleting a conduit", deletes("Conduit orders"), ""},
		{"a zone more to begin", orders(`"from":{"zones":["clinic","lab","vendor"]}`), "it adds a zone to from"},
		{"a zone more to answer", orders(`"to":{"zones":["icu","lab","vendor"]}`), "it adds a zone to to"},
		{"another zone", orders(`"to":{"zones":["vendor"]}`), "it adds a zone to to"},
		{"a zone less", orders(`"to":{"zones":["icu"]}`), ""},
		{"zones in another order", orders(`"to":{"zones":["lab","icu"]}`), ""},
		{"both sides one zone", orders(`"from":{"zones":["lab"]},"to":{"zones":["lab"]}`), "it opens a zone to itself"},
		{"a cross of two becomes one inside", spec("across", `"from":{"zones":["icu"]},"to":{"zones":["icu"]}`), "it opens a zone to itself"},
		{"a cross of two becomes one way", spec("across", `"from":{"zones":["icu"]},"to":{"zones":["lab"]}`), ""},
		{"inside, with a service less", spec("inside", `"services":[{"protocol":"TCP","port":1}]`), ""},
		{"inside another", spec("inside", `"from":{"zones":["lab"]},"to":{"zones":["lab"]}`), "it opens a zone to itself"},
		{"all devices", orders(`"from":{"deviceSelector":null}`), "from.deviceSelector may select more"},
		{"devices of a label less", orders(`"from":{"deviceSelector":{"matchLabels":null}}`), "from.deviceSelector may select more"},
		{"devices of an expression less", orders(`"from":{"deviceSelector":{"matchExpressions":null}}`), "from.deviceSelector may select more"},
		{"devices of another value", orders(`"from":{"deviceSelector":{"matchLabels":{"tier":"iron"}}}`), "from.deviceSelector may select more"},
		{"devices of a label more", orders(`"from":{"deviceSelector":{"matchLabels":{"floor":"2"}}}`), ""},
		{"first devices", orders(`"to":{"deviceSelector":{"matchLabels":{"floor":"2"}}}`), ""},
		{"a service less", services(mllp), ""},
		{"services in another order", services(span + "," + pump + "," + mllp), ""},
		{"a service more", services(mllp + "," + pump + "," + span + `,{"name":"dicom"}`), "it adds or changes a service"},
		{"another port", services(mllp + `,{"protocol":"TCP","port":3614}`), "it adds or changes a service"},
		{"a port of a name", services(`{"name":"hl7-mllp","port":2575}`), "it adds or changes a service"},
		{"a longer range", services(`{"protocol":"TCP","port":9000,"endPort":9020}`), "it adds or changes a service"},
		{"a shorter range, which is not shown to be less", services(`{"protocol":"TCP","port":9000,"endPort":9005}`), "it adds or changes a service"},
		{"another protocol", spec("inside", `"services":[{"protocol":"UDP","port":1}]`), "it adds or changes a service"},
		{"encrypted as they say", services(`{"protocol":"TCP","port":3613,"encrypted":"Yes"}`), "it adds or changes a service"},
		{"every request", orders(`"http":null`), "it permits further requests"},
		{"another request", orders(`"http":[{"method":"GET","path":"/b"}]`), "it permits further requests"},
		{"a request of any path", orders(`"http":[{"method":"GET"}]`), "it permits further requests"},
		{"a request less", orders(`"http":[{"method":"PUT"}]`), ""},
		{"first requests", spec("inside", `"http":[{"method":"PUT"}]`), ""},
		{"a later end", orders(`"expiresAt":"2031-01-01T00:00:01Z"`), "it ends later, or never"},
		{"a later end in another zone of time", orders(`"expiresAt":"2031-01-01T00:30:00-01:00"`), "it ends later, or never"},
		{"no end", orders(`"expiresAt":null`), "it ends later, or never"},
		{"an earlier end", orders(`"expiresAt":"2030-06-01T00:00:00Z"`), ""},
		{"an earlier end in another zone of time", orders(`"expiresAt":"2031-01-01T00:30:00+01:00"`), ""},
		{"the same end, written otherwise", orders(`"expiresAt":"2031-01-01T01:00:00+01:00"`), ""},
		{"a first end", spec("inside", `"expiresAt":"2031-01-01T00:00:00Z"`), ""},
		{"an earlier begin", orders(`"startsAt":"2029-12-31T00:00:00Z"`), "it begins earlier"},
		{"no begin", orders(`"startsAt":null`), "it begins earlier"},
		{"a later begin", orders(`"startsAt":"2030-02-01T00:00:00Z"`), ""},
		{"a first begin", spec("inside", `"startsAt":"2030-02-01T00:00:00Z"`), ""},
		{"a first risk", spec("inside", `"riskAcceptance":"Accepted by nobody at all"`), "it accepts a risk that nobody had accepted"},
		{"other words of a risk", spec("plain", `"riskAcceptance":"Accepted by the board until July"`), ""},
		{"no risk", spec("plain", `"riskAcceptance":null`), ""},
		{"words", orders(`"purpose":"Another purpose of the same","dataClass":"PHI"`), ""},
		{"labels", patches("Conduit orders", `{"metadata":{"labels":{"a":"b"},"annotations":{"a":"b"}}}`), ""},
	}
}

func deviceScenes() []scene {
	spec := func(name, patch string) ask { return patches("MedicalDevice icu/"+name, `{"spec":{`+patch+`}}`) }
	device := func(rest string) ask {
		return creates("{apiVersion: medfence.io/v1alpha1, kind: MedicalDevice, metadata: {name: new, namespace: icu}, spec: {zone: icu, criticality: Ancillary" + rest + "}}")
	}
	const fresh = "it gives new pods or addresses the conduits of its zone"
	return []scene{
		{"a device of the inventory", device(""), ""},
		{"a device with pods", device(", workload: {podSelector: {matchLabels: {a: b}}}"), fresh},
		{"a device with an address", device(", addresses: [10.20.0.9]"), fresh},
		{"deleting a device", deletes("MedicalDevice icu/pump"), ""},
		{"a device in another zone", spec("pump", `"zone":"lab"`), "it moves the device to another zone"},
		{"nobody in another zone", spec("somewhere", `"zone":"lab"`), ""},
		{"other pods", spec("pump", `"workload":{"podSelector":{"matchLabels":{"app":"x"}}}`), "its podSelector may select more"},
		{"fewer pods", spec("pump", `"workload":{"podSelector":{"matchLabels":{"tier":"x"}}}`), ""},
		{"no pods", spec("pump", `"workload":null`), ""},
		{"first pods", spec("somewhere", `"workload":{"podSelector":{"matchLabels":{"app":"x"}}}`), "its podSelector may select more"},
		{"an address more", spec("pump", `"addresses":["10.20.0.7","10.20.0.8","10.20.0.9"]`), "it adds an address"},
		{"another address", spec("pump", `"addresses":["10.20.0.9"]`), "it adds an address"},
		{"an address less", spec("pump", `"addresses":["10.20.0.7"]`), ""},
		{"no address", spec("pump", `"addresses":null`), ""},
		{"a label", patches("MedicalDevice icu/pump", `{"metadata":{"labels":{"a":"b"}}}`), "it changes labels by which conduits select devices"},
		{"a label less", patches("MedicalDevice icu/pump", `{"metadata":{"labels":null}}`), "it changes labels by which conduits select devices"},
		{"a label of nobody", patches("MedicalDevice icu/somewhere", `{"metadata":{"labels":{"a":"b"}}}`), ""},
		{"an annotation", patches("MedicalDevice icu/pump", `{"metadata":{"annotations":{"a":"b"}}}`), ""},
		{"what it is", spec("pump", `"criticality":"LifeSustaining","dataClass":"PHI","identity":{"model":"X"}`), ""},
	}
}
