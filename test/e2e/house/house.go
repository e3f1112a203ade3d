//go:build linux

package house

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/test/e2e/hubble"
	"github.com/medfence/medfence/test/e2e/lab"
	"github.com/medfence/medfence/test/e2e/ward"
	"github.com/medfence/medfence/test/e2e/wire"
)

// A House is a lab with its inhabitants.
type House struct {
	*lab.Lab
	Parties []ward.Party
	Flows   *hubble.Log
	// Custom knows the types of our kinds.
	Custom client.Client

	stations map[string]*wire.Station
	pods     map[string]*lab.Pod
}

// settings are what the operator reads of the agents' flags.
var settings = map[string]string{
	"cluster-name": "default", "enable-l7-proxy": "true", "enable-policy": "default", "routing-mode": "native",
}

// Options say what the house is made of.
type Options struct {
	lab.Options
	// Only are the names of those who live in it; empty is everybody.
	Only []string
}

// Open starts a lab and lets everybody move in. No policy is there yet.
func Open(ctx context.Context, o Options) (*House, error) {
	l, err := lab.Start(ctx, o.Options)
	if err != nil {
		return nil, err
	}
	scheme := runtime.NewScheme()
	if err := medfencev1alpha1.AddToScheme(scheme); err != nil {
		return nil, errors.Join(fmt.Errorf("registering our kinds: %w", err), l.Stop(ctx))
	}
	custom, err := client.New(l.Config(), client.Options{Scheme: scheme})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("making a client: %w", err), l.Stop(ctx))
	}
	h := &House{Lab: l, Custom: custom, Parties: ward.Everybody(), stations: map[string]*wire.Station{}, pods: map[string]*lab.Pod{}}
	if len(o.Only) > 0 {
		h.Parties = slices.DeleteFunc(h.Parties, func(p ward.Party) bool { return !slices.Contains(o.Only, p.Name) })
	}
	if err := h.moveIn(ctx); err != nil {
		return nil, errors.Join(err, h.Close(ctx))
	}
	return h, nil
}

// Close takes everything down.
func (h *House) Close(ctx context.Context) error {
	for _, s := range h.stations {
		_ = s.Close()
	}
	return h.Stop(ctx)
}

func (h *House) moveIn(ctx context.Context) error {
	if err := h.furnish(ctx); err != nil {
		return err
	}
	var files []string
	for _, n := range h.Nodes {
		files = append(files, h.FlowsFile(n))
	}
	h.Flows = hubble.Follow(files...)
	for i := range h.Parties {
		if err := h.MoveIn(ctx, &h.Parties[i]); err != nil {
			return err
		}
	}
	return h.Settle(ctx)
}

// furnish makes what is there before anybody declares anything.
func (h *House) furnish(ctx context.Context) error {
	if err := h.Apply(ctx, filepath.Join(h.Repository, "config/samples/hospital/namespaces.yaml")); err != nil {
		return err
	}
	for _, p := range h.Parties {
		if p.Kind != ward.Pod {
			continue
		}
		err := h.Client.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: p.Namespace}})
		if client.IgnoreAlreadyExists(err) != nil {
			return fmt.Errorf("making namespace %s: %w", p.Namespace, err)
		}
	}
	dns := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "kube-dns"},
		Spec: corev1.ServiceSpec{
			Selector: map[string]string{"k8s-app": "kube-dns"},
			Ports:    []corev1.ServicePort{{Name: "dns", Protocol: corev1.ProtocolUDP, Port: 53}, {Name: "dns-tcp", Protocol: corev1.ProtocolTCP, Port: 53}},
		},
	}
	config := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "cilium-config"}, Data: settings}
	return errors.Join(h.Client.Create(ctx, dns), h.Client.Create(ctx, config))
}

// MoveIn gives a party its place and its station.
func (h *House) MoveIn(ctx context.Context, p *ward.Party) error {
	space, err := h.place(ctx, p)
	if err != nil {
		return err
	}
	station, err := wire.Open(space, wire.Serving{Addresses: p.Addresses, TCP: ward.TCPPorts, UDP: ward.UDPPorts})
	if err != nil {
		return fmt.Errorf("opening the station of %s: %w", p.Name, err)
	}
	h.stations[p.Name] = station
	return nil
}

func (h *House) place(ctx context.Context, p *ward.Party) (wire.Space, error) {
	switch {
	case p.Kind == ward.Pod:
		pod, err := h.RunPod(ctx, h.Nodes[p.Node-1], p.Namespace, p.Name, p.PodLabels())
		if err != nil {
			return nil, err
		}
		h.pods[p.Name] = pod
		p.Addresses = pod.Addresses
		return pod.Space, nil
	case p.Kind == ward.Node:
		p.Addresses = h.Nodes[p.Node-1].Addresses
		return h.Nodes[p.Node-1].Space, nil
	case p.APIServer:
		return h.Control(), nil
	}
	return h.Attach(ctx, p.Name, p.Addresses...)
}

// MoveOut takes a pod away.
func (h *House) MoveOut(ctx context.Context, p *ward.Party) error {
	_ = h.stations[p.Name].Close()
	delete(h.stations, p.Name)
	pod := h.pods[p.Name]
	delete(h.pods, p.Name)
	return h.StopPod(ctx, pod)
}

// Party returns the party of a name.
func (h *House) Party(name string) *ward.Party {
	i := slices.IndexFunc(h.Parties, func(p ward.Party) bool { return p.Name == name })
	if i < 0 {
		panic("nobody is called " + name)
	}
	return &h.Parties[i]
}

// Station returns the station of a party.
func (h *House) Station(name string) *wire.Station { return h.stations[name] }

// KeepLogs copies the logs of agents and operator to a folder.
func (h *House) KeepLogs(folder string) {
	logs := map[string]string{"operator.log": "operator.log"}
	for _, n := range h.Nodes {
		logs[n.Name+"/agent.log"] = n.Name + ".log"
	}
	for from, to := range logs {
		if content, err := os.ReadFile(filepath.Join(h.Dir(), from)); err == nil {
			_ = os.WriteFile(filepath.Join(folder, to), content, 0o644)
		}
	}
}

// Declare applies the hospital's zones, conduits and devices, in the order in
// which the sample's kustomization has them. Its workloads are here already.
func (h *House) Declare(ctx context.Context) error {
	for _, file := range Sample(h.Repository) {
		if err := h.Apply(ctx, file); err != nil {
			return err
		}
	}
	return nil
}

// Sample returns the files of the hospital, without pods.
func Sample(repository string) []string {
	var out []string
	for _, pattern := range []string{"namespaces", "zones-*", "conduits-*", "devices-*"} {
		files, err := filepath.Glob(filepath.Join(repository, "config/samples/hospital", pattern+".yaml"))
		if err != nil {
			panic(err) // a pattern that is wrong
		}
		out = append(out, files...)
	}
	return out
}
