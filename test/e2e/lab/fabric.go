//go:build linux

package lab

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/medfence/medfence/test/e2e/netns"
)

// The addresses of the router in the middle. Every namespace sends to them what
// is not its own.
var (
	gateway4 = netip.MustParseAddr("172.30.0.1")
	gateway6 = netip.MustParseAddr("fd00:30::1")
)

// A fabric is the network between the namespaces: a bridge that also routes.
type fabric struct {
	core   *netns.Space
	spaces []*netns.Space
	ports  int
}

func newFabric(ctx context.Context) (*fabric, error) {
	core, err := netns.New(ctx, "switch")
	if err != nil {
		return nil, err
	}
	f := &fabric{core: core}
	err = errors.Join(core.IP(ctx,
		"link add br0 address "+hardware(0)+" type bridge mcast_snooping 0",
		"addr add "+gateway4.String()+"/24 dev br0",
		"addr add "+gateway6.String()+"/64 dev br0 nodad",
		"link set br0 up",
	), core.Sysctl(map[string]string{
		"ipv4/ip_forward": "1", "ipv6/conf/all/forwarding": "1",
		"ipv4/conf/all/send_redirects": "0", "ipv4/conf/br0/send_redirects": "0",
		"ipv4/conf/all/rp_filter": "0", "ipv4/conf/br0/rp_filter": "0",
	}))
	if err != nil {
		return nil, errors.Join(err, f.close(ctx))
	}
	return f, nil
}

// attach makes a namespace that is connected by eth0, with its addresses.
// Those outside the nodes' own network are routed to it one by one.
func (f *fabric) attach(ctx context.Context, name string, addresses ...netip.Addr) (*netns.Space, error) {
	space, err := netns.New(ctx, name)
	if err != nil {
		return nil, err
	}
	f.spaces = append(f.spaces, space)
	f.ports++
	port := fmt.Sprintf("p%d", f.ports)
	if err := f.core.IP(ctx,
		fmt.Sprintf("link add %s type veth peer name eth0 address %s netns %s", port, hardware(f.ports), netns.Prefix+name),
		fmt.Sprintf("link set %s master br0", port),
		fmt.Sprintf("link set %s up", port),
	); err != nil {
		return nil, err
	}
	has6 := slices.ContainsFunc(addresses, netip.Addr.Is6)
	if !has6 {
		if err := space.Sysctl(map[string]string{"ipv6/conf/eth0/disable_ipv6": "1"}); err != nil {
			return nil, err
		}
	}
	lines := []string{"link set eth0 up"}
	var routes []string
	for _, a := range addresses {
		if near(a) {
			lines = append(lines, fmt.Sprintf("addr add %s/%d dev eth0%s", a, nodesNetwork(a).Bits(), nodad(a)))
			continue
		}
		lines = append(lines, fmt.Sprintf("addr add %s/%d dev eth0%s", a, bits(a), nodad(a)))
		routes = append(routes, fmt.Sprintf("route add %s/%d dev br0", a, bits(a)))
	}
	for _, a := range addresses {
		routes = append(routes, neighbour(a, f.ports, "br0"))
	}
	lines = append(lines, "route add "+gateway4.String()+"/32 dev eth0", "route add default via "+gateway4.String()+" dev eth0",
		neighbour(gateway4, 0, "eth0"))
	if has6 {
		lines = append(lines, neighbour(gateway6, 0, "eth0"), "route add "+gateway6.String()+"/128 dev eth0", "route add default via "+gateway6.String()+" dev eth0")
	}
	if err := space.IP(ctx, lines...); err != nil {
		return nil, err
	}
	return space, f.core.IP(ctx, routes...)
}

// route sends a prefix to a node, as the routers of a data centre do where
// Cilium routes natively.
func (f *fabric) route(ctx context.Context, prefix netip.Prefix, via netip.Addr) error {
	return f.core.IP(ctx, fmt.Sprintf("route add %s via %s", prefix, via))
}

func (f *fabric) close(ctx context.Context) error {
	var failed error
	for _, s := range slices.Backward(f.spaces) {
		failed = errors.Join(failed, s.Delete(ctx))
	}
	return errors.Join(failed, f.core.Delete(ctx))
}

// hardware is the address of the interface at a port; 0 is the router.
func hardware(port int) string { return fmt.Sprintf("02:00:00:00:%02x:%02x", port>>8, port&0xff) }

// neighbour tells who has an address. Asking would be lost in the crowd of
// thousands of packets a second at the start of a table.
func neighbour(a netip.Addr, port int, device string) string {
	return fmt.Sprintf("neigh replace %s lladdr %s dev %s nud permanent", a, hardware(port), device)
}

// nodesNetwork is the network of the nodes, in the family of an address.
func nodesNetwork(a netip.Addr) netip.Prefix {
	if a.Is4() {
		return netip.PrefixFrom(gateway4, 24).Masked()
	}
	return netip.PrefixFrom(gateway6, 64).Masked()
}

// near reports whether an address is of the nodes' own network.
func near(a netip.Addr) bool { return nodesNetwork(a).Contains(a) }

func bits(a netip.Addr) int { return a.BitLen() }

// nodad: nobody else can have the address, and a second is a second.
func nodad(a netip.Addr) string {
	if a.Is4() {
		return ""
	}
	return " nodad"
}
