package launch

import (
	"cmp"
	"fmt"
	"path/filepath"
)

// ServiceRanges are the addresses of Services: both families, as hospitals
// with dual-stack clusters have them.
const ServiceRanges = "10.96.0.0/16,fd00:10:96::/112"

// advertised is an address of documentation (RFC 5737). The API server refuses
// to publish a loopback address as its endpoint, and nothing dials this one.
const advertised = "192.0.2.1"

// auditPolicy records who did what to which object, once, without bodies.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
`

// paths are the files and ports of one instance.
type paths struct {
	dir           string
	address       string // Options.Address
	etcdPort      uint16
	apiServerPort uint16
}

func (p paths) pki(file string) string       { return filepath.Join(p.dir, pkiDir, file) }
func (p paths) file(name string) string      { return filepath.Join(p.dir, name) }
func (p paths) etcd() string                 { return fmt.Sprintf("https://127.0.0.1:%d", p.etcdPort) }
func (p paths) server() string               { return fmt.Sprintf("https://127.0.0.1:%d", p.apiServerPort) }
func (p paths) managerKubeconfig() string    { return p.pki("kube-controller-manager.kubeconfig") }
func (p paths) auditPolicy() string          { return p.file("audit-policy.yaml") }
func (p paths) flag(name, pki string) string { return "--" + name + "=" + p.pki(pki) }

// etcdFlags trade durability for speed: what is lost with the machine's power
// is a test. Mutual TLS keeps other users of the machine out of the store, and
// instances out of each other's.
func etcdFlags(p paths) []string {
	const anyPort = "https://127.0.0.1:0" // nobody needs to know where peers would meet
	return []string{
		"--data-dir=" + p.file("etcd"),
		"--unsafe-no-fsync",
		"--listen-client-urls=" + p.etcd(),
		"--advertise-client-urls=" + p.etcd(),
		"--listen-peer-urls=" + anyPort,
		"--initial-advertise-peer-urls=" + anyPort,
		"--initial-cluster=default=" + anyPort,
		"--client-cert-auth",
		"--peer-client-cert-auth",
		p.flag("cert-file", "etcd.crt"), p.flag("key-file", "etcd.key"), p.flag("trusted-ca-file", "ca.crt"),
		p.flag("peer-cert-file", "etcd.crt"), p.flag("peer-key-file", "etcd.key"), p.flag("peer-trusted-ca-file", "ca.crt"),
		"--logger=zap", "--log-level=warn",
	}
}

func apiServerFlags(p paths, o Options) []string {
	bind := "127.0.0.1"
	if p.address != "" {
		bind = "0.0.0.0"
	}
	flags := []string{
		"--bind-address=" + bind,
		fmt.Sprintf("--secure-port=%d", p.apiServerPort),
		"--advertise-address=" + cmp.Or(p.address, advertised),
		"--etcd-servers=" + p.etcd(),
		p.flag("etcd-cafile", "ca.crt"), p.flag("etcd-certfile", "etcd.crt"), p.flag("etcd-keyfile", "etcd.key"),
		p.flag("tls-cert-file", "server.crt"), p.flag("tls-private-key-file", "server.key"),
		p.flag("client-ca-file", "ca.crt"),
		"--authorization-mode=Node,RBAC",
		"--allow-privileged",
		"--service-cluster-ip-range=" + ServiceRanges,
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		p.flag("service-account-key-file", "service-accounts.key"),
		p.flag("service-account-signing-key-file", "service-accounts.key"),
	}
	if o.AuditLog {
		flags = append(flags, "--audit-policy-file="+p.auditPolicy(), "--audit-log-path="+p.file(auditLog))
	}
	if o.AuthenticationConfig != "" {
		flags = append(flags, "--authentication-config="+o.AuthenticationConfig)
	}
	if o.WithoutControllerManager {
		// Nobody makes the default service accounts that it would ask pods for.
		flags = append(flags, "--disable-admission-plugins=ServiceAccount")
	}
	return flags
}

// controllerManagerFlags leave out the two controllers that watch over
// kubelets: there are none, and the nodes and pods that a test or the demo
// writes would be tainted within a minute and evicted within six.
func controllerManagerFlags(p paths) []string {
	return []string{
		"--kubeconfig=" + p.managerKubeconfig(),
		"--controllers=*,-node-lifecycle-controller,-taint-eviction-controller",
		"--use-service-account-credentials",
		p.flag("service-account-private-key-file", "service-accounts.key"),
		p.flag("root-ca-file", "ca.crt"),
		p.flag("cluster-signing-cert-file", "ca.crt"), p.flag("cluster-signing-key-file", "ca.key"),
		"--leader-elect=false",
		"--secure-port=0", // no port that could be taken
		"--kube-api-qps=500", "--kube-api-burst=1000",
		"--concurrent-namespace-syncs=20",
		"--concurrent-gc-syncs=20",
	}
}
