// Package controlplane gives tests and the demo a real Kubernetes API server
// of their own, with etcd and the controller manager behind it, from nothing
// but Go. hack/controlplane does the work; this package builds its launcher,
// runs it as a child that cannot outlive the test, and hands out clients.
//
//	func TestMain(m *testing.M) {
//		cluster, err := controlplane.Start(ctx, controlplane.Options{})
//		...
//		code := m.Run()
//		cluster.Stop()
//		os.Exit(code)
//	}
package controlplane
