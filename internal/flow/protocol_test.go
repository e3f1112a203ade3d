package flow

import "testing"

func TestOnlyTransportProtocolsHavePorts(t *testing.T) {
	t.Parallel()
	for p, want := range map[Protocol]bool{TCP: true, UDP: true, SCTP: true, ICMP: false, "": false, "tcp": false} {
		if got := p.HasPorts(); got != want {
			t.Errorf("%q.HasPorts() = %t, want %t", p, got, want)
		}
	}
}

func TestServicesReadAsPeopleWriteThem(t *testing.T) {
	t.Parallel()
	for want, s := range map[string]Service{
		"dicom:104,11112":   {Name: "dicom", Protocol: TCP, Ports: PortSet{{104, 104}, {11112, 11112}}},
		"TCP:2000-2010":     {Protocol: TCP, Ports: PortSet{{2000, 2010}}},
		"ICMP:8":            {Protocol: ICMP, ICMPTypes: []uint8{8}},
		"ping:8,128":        {Name: "ping", Protocol: ICMP, ICMPTypes: []uint8{8, 128}},
		"UDP:0-65535":       {Protocol: UDP, Ports: PortSet{{0, MaxPort}}},
		"SCTP:1,3-4,65535":  {Protocol: SCTP, Ports: PortSet{{1, 1}, {3, 4}, {MaxPort, MaxPort}}},
		"nothing-at-all:":   {Name: "nothing-at-all", Protocol: TCP},
		"ICMP:0":            {Protocol: ICMP, ICMPTypes: []uint8{0}},
		"no-types-either:":  {Name: "no-types-either", Protocol: ICMP},
		"types-not-ports:5": {Name: "types-not-ports", Protocol: ICMP, Ports: PortSet{{1, 2}}, ICMPTypes: []uint8{5}},
	} {
		if got := s.String(); got != want {
			t.Errorf("String() = %q, want %q", got, want)
		}
	}
}
