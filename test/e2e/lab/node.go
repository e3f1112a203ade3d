//go:build linux

package lab

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/medfence/medfence/test/e2e/netns"
)

// ClusterRanges are the prefixes of the lab's pods.
var ClusterRanges = []netip.Prefix{netip.MustParsePrefix("10.244.0.0/16"), netip.MustParsePrefix("fd00:10:244::/48")}

// A Node is a namespace with an agent in it.
type Node struct {
	Name      string
	Space     *netns.Space
	Addresses []netip.Addr
	PodRanges []netip.Prefix
	agent     *agent
}

func (l *Lab) newNode(ctx context.Context, number int) (*Node, error) {
	n := &Node{
		Name: fmt.Sprintf("node-%d", number),
		Addresses: []netip.Addr{
			netip.MustParseAddr(fmt.Sprintf("172.30.0.%d", 10+number)), netip.MustParseAddr(fmt.Sprintf("fd00:30::%d", 10+number)),
		},
		PodRanges: []netip.Prefix{
			netip.MustParsePrefix(fmt.Sprintf("10.244.%d.0/24", number)), netip.MustParsePrefix(fmt.Sprintf("fd00:10:244:%d::/64", number)),
		},
	}
	space, err := l.fabric.attach(ctx, n.Name, n.Addresses...)
	if err != nil {
		return nil, err
	}
	n.Space = space
	if err := space.Sysctl(map[string]string{
		"ipv4/ip_forward": "1", "ipv6/conf/all/forwarding": "1", "ipv4/conf/all/rp_filter": "0", "ipv4/conf/eth0/rp_filter": "0",
	}); err != nil {
		return nil, err
	}
	for i, p := range n.PodRanges {
		if err := l.fabric.route(ctx, p, n.Addresses[i]); err != nil {
			return nil, err
		}
	}
	return n, nil
}
