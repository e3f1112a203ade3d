package admission_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/medfence/medfence/internal/compile"
)

// pod returns a pod of a namespace, with metadata and a spec in braces' inside.
func pod(namespace, metadata, spec string) string {
	if spec != "" {
		spec = ", " + spec
	}
	if !strings.Contains(spec, "containers:") {
		spec += ", containers: [{name: main, image: example.org/none}]"
	}
	return fmt.Sprintf("{apiVersion: v1, kind: Pod, metadata: {name: new, namespace: %s%s}, spec: {serviceAccountName: devices%s}}", namespace, comma(metadata), spec)
}

func comma(text string) string {
	if text == "" {
		return ""
	}
	return ", " + text
}

// workload returns a workload whose template is on the host's network.
func workload(kind, namespace string) string {
	template := "{metadata: {labels: {app: x}}, spec: {hostNetwork: true, restartPolicy: RESTART, containers: [{name: main, image: example.org/none}]}}"
	spec := "{selector: {matchLabels: {app: x}}, template: " + template + "}"
	api, restart := "apps/v1", "Always"
	switch kind {
	case "StatefulSet":
		spec = "{serviceName: x, selector: {matchLabels: {app: x}}, template: " + template + "}"
	case "ReplicationController":
		api, spec = "v1", "{selector: {app: x}, template: "+template+"}"
	case "Job":
		api, restart, spec = "batch/v1", "Never", "{template: "+template+"}"
	case "CronJob":
		api, restart, spec = "batch/v1", "Never", "{schedule: '0 4 * * *', jobTemplate: {spec: {template: "+template+"}}}"
	}
	return strings.ReplaceAll(fmt.Sprintf("{apiVersion: %s, kind: %s, metadata: {name: new, namespace: %s}, spec: %s}", api, kind, namespace, spec), "RESTART", restart)
}

func podScenes() []scene {
	const closed, observed = "medfence-side-doors", "medfence-side-doors-observe"
	const onHost, onPort = "hostNetwork: true", "containers: [{name: main, image: example.org/none, ports: [{containerPort: 8080, hostPort: 8080}]}]"
	const init = "initContainers: [{name: first, image: example.org/none, ports: [{containerPort: 80, hostPort: 8080}]}], containers: [{name: main, image: example.org/none}]"
	multus := "annotations: {k8s.v1.cni.cncf.io/networks: lan}"
	out := []scene{
		{"host network", "nora", creates(pod("icu", "", onHost)), refused, closed, []string{"nora may not write Pod icu/new in zone icu with spec.hostNetwork", "round every network policy", "move the workload"}},
		{"host network by root", "root", creates(pod("icu", "", onHost)), refused, closed, []string{"spec.hostNetwork"}},
		{"host network of a controller", "deployment-controller", creates(pod("icu", "", onHost)), refused, closed, []string{"deployment-controller may not write"}},
		{"host port", "nora", creates(pod("icu", "", onPort)), refused, closed, []string{"with hostPort:"}},
		{"host port of an init container", "nora", creates(pod("icu", "", init)), refused, closed, []string{"with hostPort:"}},
		{"Multus", "nora", creates(pod("icu", multus, "")), refused, closed, []string{"with annotation k8s.v1.cni.cncf.io/networks:"}},
		{"Multus' default network", "nora", creates(pod("icu", "annotations: {v1.multus-cni.io/default-network: lan}", "")), refused, closed, []string{"annotation v1.multus-cni.io/default-network"}},
		{"all at once", "nora", creates(pod("icu", multus+", labels: {host: a, world: b}", onHost+", "+onPort)), refused, closed, []string{"spec.hostNetwork, hostPort, annotation k8s.v1.cni.cncf.io/networks, label "}},
		{"a reserved label is added", "nora", patches("Pod icu/pump", `{"metadata":{"labels":{"host":"x"}}}`), refused, closed, []string{"Pod icu/pump in zone icu with label host:"}},
		{"another is added", "nora", patches("Pod icu/old-host", `{"metadata":{"labels":{"world":"x"}}}`), refused, closed, []string{"with label world:"}},
		{"what stands is labelled", "nora", patches("Pod icu/old-host", `{"metadata":{"labels":{"team":"x"}}}`), passes, "", nil},
		{"what stands goes", "nora", deletes("Pod icu/old-host"), passes, "", nil},
		{"a pod", "nora", creates(pod("icu", "labels: {app: pump}, annotations: {team: x}", "")), passes, "", nil},
		{"a pod with a port", "nora", creates(pod("icu", "", "containers: [{name: main, image: example.org/none, ports: [{containerPort: 80}]}]")), passes, "", nil},
		{"host network in a watched zone", "nora", creates(pod("ward", "", onHost)), passes, "", nil},
		{"host network in a held namespace", "nora", creates(pod("leaving", "", onHost)), refused, closed, []string{"zone leaving"}},
		{"host network before the operator has looked", "nora", creates(pod("silent", "", onHost)), refused, closed, []string{"zone silent"}},
		{"host network in an emergency", "breakglass", creates(pod("icu", "", onHost)), passes, "", nil},
		{"a controller's workload", "deployment-controller", creates(workload("ReplicaSet", "icu")), passes, "", nil},
		{"a node's agent in kube-system", "root", creates("{apiVersion: v1, kind: Pod, metadata: {name: agent, namespace: kube-system, labels: {host: x}}, spec: {hostNetwork: true, containers: [{name: main, image: example.org/none}]}}"), passes, "", nil},
	}
	keys, prefixes := compile.ReservedLabelKeys()
	for _, p := range prefixes {
		keys = append(keys, p+"x")
	}
	for _, k := range keys {
		out = append(out, scene{"label " + k, "nora", creates(pod("icu", "labels: {"+k+": x}", "")), refused, closed, []string{"with label " + k + ":"}})
	}
	for _, k := range []string{"hosts", "example.org/host", "io.ciliumx", "Host", "worlds"} {
		out = append(out, scene{"label " + k, "nora", creates(pod("icu", "labels: {"+k+": x}", "")), passes, "", nil})
	}
	for _, n := range []string{"free", "clinic", "refused", "cilium", "default"} {
		out = append(out, scene{"host network in " + n, "root", creates(strings.Replace(pod(n, "labels: {host: x}", onHost), "serviceAccountName: devices, ", "", 1)), passes, "", nil})
	}
	for _, k := range []string{"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job", "CronJob"} {
		out = append(out,
			scene{k + " on the host network", "nora", creates(workload(k, "icu")), refused, closed, []string{"nora may not write " + k + " icu/new in zone icu with spec.hostNetwork"}},
			scene{k + " in a watched zone", "nora", creates(workload(k, "ward")), advised, observed, []string{k, "zone ward with spec.hostNetwork"}},
			scene{k + " elsewhere", "nora", creates(workload(k, "free")), passes, "", nil})
	}
	return out
}

func service(namespace, spec string) ask {
	return creates(fmt.Sprintf("{apiVersion: v1, kind: Service, metadata: {name: new, namespace: %s}, spec: {ports: [{port: 80}], selector: {app: pump}, %s}}", namespace, spec))
}

func serviceScenes() []scene {
	const closed, observed = "medfence-side-doors-services", "medfence-side-doors-services-observe"
	return []scene{
		{"NodePort", "nora", service("icu", "type: NodePort"), refused, closed, []string{"nora may not write Service icu/new in zone icu", "behind the address of a node", "Set spec.externalTrafficPolicy to Local"}},
		{"NodePort by root", "root", service("icu", "type: NodePort"), refused, closed, []string{"admin may not write"}},
		{"LoadBalancer", "nora", service("icu", "type: LoadBalancer, externalTrafficPolicy: Cluster"), refused, closed, nil},
		{"external addresses", "root", service("icu", "externalIPs: [192.0.2.7]"), refused, closed, nil},
		{"a Service becomes one", "nora", patches("Service icu/old-port", `{"spec":{"externalTrafficPolicy":"Local"}}`), passes, "", nil},
		{"what stands is changed", "nora", patches("Service icu/old-port", `{"spec":{"selector":{"app":"other"}}}`), passes, "", nil},
		{"NodePort, Local", "nora", service("icu", "type: NodePort, externalTrafficPolicy: Local"), passes, "", nil},
		{"LoadBalancer, Local", "nora", service("icu", "type: LoadBalancer, externalTrafficPolicy: Local"), passes, "", nil},
		{"ClusterIP", "nora", service("icu", "type: ClusterIP"), passes, "", nil},
		{"a name", "nora", service("icu", "type: ExternalName, externalName: example.org"), passes, "", nil},
		{"NodePort in a watched zone", "nora", service("ward", "type: NodePort"), advised, observed, []string{"zone ward"}},
		{"NodePort elsewhere", "nora", service("free", "type: NodePort"), passes, "", nil},
		{"NodePort in an emergency", "breakglass", service("icu", "type: NodePort"), passes, "", nil},
	}
}

// ephemeral adds an ephemeral container to the pod of a namespace.
func ephemeral(namespace string) ask {
	return func(ctx context.Context, p *person) error {
		return p.pods.CoreV1().RESTClient().Patch("application/strategic-merge-patch+json").Namespace(namespace).Resource("pods").Name("pump").
			SubResource("ephemeralcontainers").Param("dryRun", "All").
			Body([]byte(`{"spec":{"ephemeralContainers":[{"name":"look","image":"example.org/none"}]}}`)).Do(ctx).Error()
	}
}

func accessScenes() []scene {
	const closed, observed = "medfence-side-doors-access", "medfence-side-doors-access-observe"
	how := []string{"in zone icu", "verb debug on devicezones/icu", "ClusterRole medfence-zone-debugger", "--as=medfence:breakglass"}
	var out []scene
	for _, sub := range []string{"exec", "attach", "portforward", "proxy", "ephemeralcontainers"} {
		enter := func(namespace string) ask {
			if sub == "ephemeralcontainers" {
				return ephemeral(namespace)
			}
			return enters(namespace, "pump", sub)
		}
		out = append(out,
			scene{sub, "nora", enter("icu"), refused, closed, append([]string{"nora may not use " + sub + " on icu/pump"}, how...)},
			scene{sub + " of one who may debug", "dora", enter("icu"), passes, "", nil},
			scene{sub + " of one who may debug another zone", "dora", enter("leaving"), refused, closed, []string{"devicezones/leaving"}},
			scene{sub + " of a cluster admin", "ada", enter("icu"), passes, "", nil},
			scene{sub + " in a watched zone", "nora", enter("ward"), advised, observed, []string{"zone ward"}},
			scene{sub + " elsewhere", "nora", enter("free"), passes, "", nil})
		if sub != "proxy" {
			out = append(out, scene{sub + " in an emergency", "breakglass", enter("icu"), passes, "", nil})
		}
	}
	return out
}
