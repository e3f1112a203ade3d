package launch

import (
	"context"
	"errors"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// realAssets are those of this checkout, whatever KUBEBUILDER_ASSETS says.
func realAssets(t *testing.T) string {
	t.Helper()
	t.Setenv("KUBEBUILDER_ASSETS", "")
	cache, err := DefaultCache()
	if err != nil {
		t.Fatal(err)
	}
	source, err := FindSource(".")
	if err != nil {
		t.Fatal(err)
	}
	assets, err := Builder{Source: source, Cache: cache, Progress: os.Stderr}.Assets(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return assets
}

func start(t *testing.T, o Options) *ControlPlane {
	t.Helper()
	cp, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cp.Stop)
	return cp
}

// kubectl runs kubectl as the kubeconfig's user and returns what it prints.
func kubectl(t *testing.T, cp *ControlPlane, kubeconfig string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(cp.Assets, kubectlName), args...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig, "HOME="+t.TempDir())
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("kubectl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

func TestAControlPlaneIsAWholeOne(t *testing.T) {
	cp := start(t, Options{Dir: t.TempDir(), Assets: realAssets(t), AuditLog: true})
	admin := func(args ...string) string { return kubectl(t, cp, cp.Kubeconfig, args...) }

	t.Run("it says its version", func(t *testing.T) {
		if got, want := admin("version"), "Server Version: v1.36.3"; !strings.Contains(got, want) {
			t.Errorf("kubectl version says\n%s\nwant %q", got, want)
		}
	})
	t.Run("it has a service network of both families", func(t *testing.T) {
		got := admin("get", "servicecidrs", "kubernetes", "-o", "jsonpath={.spec.cidrs}")
		if want := `["10.96.0.0/16","fd00:10:96::/112"]`; got != want {
			t.Errorf("the service ranges are %s, want %s", got, want)
		}
	})
	t.Run("it publishes its own endpoint", func(t *testing.T) {
		got := admin("get", "endpointslices", "kubernetes", "-o", "jsonpath={.endpoints[*].addresses}")
		if want := `["192.0.2.1"]`; got != want {
			t.Errorf("the endpoint is %s, want %s", got, want)
		}
	})
	t.Run("it deletes a namespace and what is in it", func(*testing.T) {
		admin("create", "namespace", "ward")
		admin("-n", "ward", "create", "configmap", "notes")
		admin("delete", "namespace", "ward", "--timeout=50s") // waits until it is gone
	})
	t.Run("it admits pods", func(t *testing.T) {
		admin("run", "pump", "--image=pump")
		if got := admin("get", "pod", "pump", "-o", "jsonpath={.status.phase}"); got != "Pending" {
			t.Errorf("the pod is %s, want Pending: there are no nodes", got)
		}
	})
	t.Run("it knows a service account by its token", func(t *testing.T) {
		got := whoami(t, cp, filepath.Join(t.TempDir(), "none"), "--server", cp.Server,
			"--certificate-authority", cp.paths.pki("ca.crt"), "--token", admin("create", "token", "default"))
		if want := "system:serviceaccount:default:default"; !strings.HasPrefix(got, want+" ") {
			t.Errorf("the token is that of %s, want %s", got, want)
		}
	})
	t.Run("it knows a user by the certificate", func(t *testing.T) {
		file, err := UserKubeconfig(cp.paths.dir, "nora", "wards", "medfence:breakglass")
		if err != nil {
			t.Fatal(err)
		}
		nora := filepath.Join(t.TempDir(), "nora")
		writeFile(t, nora, string(file))
		if got, want := whoami(t, cp, nora), `nora ["wards","medfence:breakglass","system:authenticated"]`; got != want {
			t.Errorf("the certificate is that of %s, want %s", got, want)
		}
	})
	t.Run("it audits", func(t *testing.T) {
		log, err := os.ReadFile(filepath.Join(cp.paths.dir, "audit.log"))
		if err != nil || !strings.Contains(string(log), `"requestURI":"/api/v1/namespaces/ward/configmaps`) {
			t.Errorf("the audit log (%d bytes, %v) does not have the configmap", len(log), err)
		}
	})
}

func whoami(t *testing.T, cp *ControlPlane, kubeconfig string, args ...string) string {
	t.Helper()
	who := []string{"auth", "whoami", "-o", "jsonpath={.status.userInfo.username} {.status.userInfo.groups}"}
	return kubectl(t, cp, kubeconfig, append(who, args...)...)
}

func TestTwoControlPlanesAtOnceAreApart(t *testing.T) {
	assets := realAssets(t)
	var both [2]*ControlPlane
	var starts sync.WaitGroup
	for i := range both {
		dir := t.TempDir()
		starts.Go(func() {
			cp, err := Start(t.Context(), Options{Dir: dir, Assets: assets})
			if err != nil {
				t.Error(err)
				return
			}
			t.Cleanup(cp.Stop)
			both[i] = cp
		})
	}
	starts.Wait()
	if t.Failed() {
		return
	}
	kubectl(t, both[0], both[0].Kubeconfig, "create", "namespace", "ward")
	if got := kubectl(t, both[1], both[1].Kubeconfig, "get", "namespaces", "-o", "name"); strings.Contains(got, "ward") {
		t.Errorf("the second has the first's namespace:\n%s", got)
	}
}

func TestStopLeavesNothingAndTheStateCanBeUsedAgain(t *testing.T) {
	o := Options{Dir: t.TempDir(), Assets: realAssets(t)}
	first, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Start(t.Context(), o); err == nil || !strings.Contains(err.Error(), "runs in "+o.Dir+" already") {
		t.Errorf("a second one in the same directory: %v", err)
	}
	kubectl(t, first, first.Kubeconfig, "create", "namespace", "ward")
	first.Stop()
	for _, p := range first.processes {
		if err := syscall.Kill(p.cmd.Process.Pid, 0); !errors.Is(err, syscall.ESRCH) {
			t.Errorf("%s is left: %v", p.name, err)
		}
	}
	for _, server := range []string{first.paths.etcd(), first.paths.server()} {
		if conn, err := net.Dial("tcp", address(t, server)); err == nil {
			t.Errorf("%s still listens", server)
			_ = conn.Close()
		}
	}
	if _, err := UserKubeconfig(o.Dir, "nora"); err == nil {
		t.Error("it makes users of what does not run")
	}
	second := start(t, o)
	if got := kubectl(t, second, second.Kubeconfig, "get", "namespaces", "-o", "name"); !strings.Contains(got, "ward") {
		t.Errorf("the namespace is lost:\n%s", got)
	}
}

func address(t *testing.T, server string) string {
	t.Helper()
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	return u.Host
}

func TestAProgramThatEndsEndsTheWait(t *testing.T) {
	cp := start(t, Options{Dir: t.TempDir(), Assets: realAssets(t), WithoutControllerManager: true})
	kubectl(t, cp, cp.Kubeconfig, "run", "pump", "--image=pump") // needs no service account
	if err := cp.processes[1].cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	err := cp.Wait(t.Context())
	if err == nil || !strings.Contains(err.Error(), "kube-apiserver ended: signal: killed") {
		t.Errorf("Wait says %v", err)
	}
}

func TestAProgramThatIsKilledByOrderComesBackWithItsState(t *testing.T) {
	cp := start(t, Options{Dir: t.TempDir(), Assets: realAssets(t), WithoutControllerManager: true})
	obey := func(order, want string) {
		t.Helper()
		err := cp.Obey(t.Context(), order)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", order, err, want)
		}
	}
	for i, name := range []string{etcdName, apiServerName} {
		before := cp.processes[i].cmd.Process.Pid
		kubectl(t, cp, cp.Kubeconfig, "create", "namespace", "before-"+name)
		obey("restart "+name, name+" runs: kill it first")
		obey("kill "+name, "")
		if err := syscall.Kill(before, 0); !errors.Is(err, syscall.ESRCH) {
			t.Errorf("%s is left: %v", name, err)
		}
		obey("restart "+name, "")
		if after := cp.processes[i].cmd.Process.Pid; after == before {
			t.Errorf("%s did not start again", name)
		}
		kubectl(t, cp, cp.Kubeconfig, "get", "namespace", "before-"+name)
	}
	obey("kill kube-scheduler", `no program "kube-scheduler" runs here`)
	obey("stop etcd", `no order "stop": kill or restart a program`)
	select {
	case p := <-cp.ended:
		t.Errorf("the end of %s is told as if nobody had ordered it", p.name)
	default:
	}
	if err := cp.processes[1].cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := cp.Wait(t.Context()); err == nil || !strings.Contains(err.Error(), "kube-apiserver ended: signal: killed") {
		t.Errorf("of one that ends by itself after a restart, Wait says %v", err)
	}
}

// assetsWith has a script in place of the API server.
func assetsWith(t *testing.T, apiServer string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{etcdName, controllerManagerName} {
		if err := os.Symlink(filepath.Join(realAssets(t), name), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	writeFile(t, filepath.Join(dir, apiServerName), "#!/bin/sh\n"+apiServer)
	return dir
}

func TestAFailureToStartShowsTheEndOfTheLog(t *testing.T) {
	o := Options{Dir: t.TempDir(), Assets: assetsWith(t, "for i in $(seq 30); do echo line $i; done\necho 'Error: unknown flag: --new' >&2\nexit 3\n")}
	_, err := Start(t.Context(), o)
	if err == nil {
		t.Fatal("it starts")
	}
	want := "kube-apiserver ended: exit status 3\n" +
		"the last lines of " + filepath.Join(o.Dir, "kube-apiserver.log") + ":\n" +
		"  line 12\n"
	if !strings.HasPrefix(err.Error(), want) {
		t.Errorf("the error is\n%v\nwant it to begin with\n%s", err, want)
	}
	if want := "  Error: unknown flag: --new\nWhat to do: unset KUBEBUILDER_ASSETS, which holds another version of Kubernetes."; !strings.HasSuffix(err.Error(), want) {
		t.Errorf("the error is\n%v\nwant it to end with\n%s", err, want)
	}
	unlock, err := tryLock(filepath.Join(o.Dir, "etcd", "member", "snap", "db"))
	if err != nil {
		t.Fatalf("etcd is left: %v", err)
	}
	unlock()
}

func TestATakenPortIsNotTheEnd(t *testing.T) {
	server := filepath.Join(realAssets(t), apiServerName)
	once := filepath.Join(t.TempDir(), "once")
	start(t, Options{
		Dir:                      t.TempDir(),
		WithoutControllerManager: true,
		Assets: assetsWith(t, "if [ ! -e "+once+" ]; then touch "+once+"; echo listen tcp: bind: address already in use; exit 1; fi\n"+
			"exec "+server+` "$@"`+"\n"),
	})
}

func TestAssetsWithoutAControllerManagerAreRefusedInWords(t *testing.T) {
	assets := assetsWith(t, "exec "+filepath.Join(realAssets(t), apiServerName)+` "$@"`+"\n")
	if err := os.Remove(filepath.Join(assets, controllerManagerName)); err != nil {
		t.Fatal(err)
	}
	_, err := Start(t.Context(), Options{Dir: t.TempDir(), Assets: assets})
	if err == nil || !strings.Contains(err.Error(), "has no kube-controller-manager: unset KUBEBUILDER_ASSETS") {
		t.Errorf("the error is %v", err)
	}
}
