package wire

import (
	"fmt"
	"net/netip"

	"github.com/medfence/medfence/internal/flow"
)

// A Key identifies a packet at its destination: protocol, source, and for TCP
// and UDP the two ports. The source port is the kernel's choice and differs from
// probe to probe; ICMP has the probe's own number in its place.
type Key struct {
	Protocol   flow.Protocol
	Source     netip.Addr
	SourcePort uint16
	Port       uint16
}

// String returns "TCP 10.0.0.1:41234 to port 443".
func (k Key) String() string {
	return fmt.Sprintf("%s %s to port %d", k.Protocol, netip.AddrPortFrom(k.Source, k.SourcePort), k.Port)
}
