package wire

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/medfence/medfence/internal/flow"
)

var source = netip.MustParseAddr("10.9.8.7")

// tcp returns a TCP header with flags.
func tcp(flags byte) []byte {
	header := make([]byte, 20)
	binary.BigEndian.PutUint16(header, 41234)
	binary.BigEndian.PutUint16(header[2:], 443)
	header[13] = flags
	return header
}

func TestOnlyWhatOpensAConversationCounts(t *testing.T) {
	udp := []byte{0xa1, 0x12, 0, 53, 0, 8, 0, 0}
	cases := map[string]struct {
		protocol flow.Protocol
		payload  []byte
		want     Key
		ok       bool
	}{
		"a SYN":           {flow.TCP, tcp(tcpSYN), Key{flow.TCP, source, 41234, 443}, true},
		"its answer":      {flow.TCP, tcp(tcpSYN | tcpACK), Key{}, false},
		"what follows":    {flow.TCP, tcp(tcpACK), Key{}, false},
		"a reset":         {flow.TCP, tcp(0x04), Key{}, false},
		"half a header":   {flow.TCP, tcp(tcpSYN)[:13], Key{}, false},
		"a datagram":      {flow.UDP, udp, Key{flow.UDP, source, 0xa112, 53}, true},
		"half of it":      {flow.UDP, udp[:7], Key{}, false},
		"a ping":          {flow.ICMP, echoRequest(true, 77), Key{flow.ICMP, source, 77, 0}, true},
		"a ping of IPv6":  {flow.ICMP, echoRequest(false, 77), Key{flow.ICMP, source, 77, 0}, true},
		"a pong":          {flow.ICMP, []byte{0, 0, 0, 0, 0, 0, 0, 77}, Key{}, false},
		"unreachable":     {flow.ICMP, []byte{3, 3, 0, 0, 0, 0, 0, 0}, Key{}, false},
		"nothing":         {flow.ICMP, nil, Key{}, false},
		"another of them": {flow.SCTP, tcp(tcpSYN), Key{}, false},
	}
	for name, tc := range cases {
		got, ok := first(tc.protocol, source, tc.payload)
		if ok != tc.ok || ok && got != tc.want {
			t.Errorf("%s: %v, %t; want %v, %t", name, got, ok, tc.want, tc.ok)
		}
	}
}

func TestTheSourceOfAPacketIsRead(t *testing.T) {
	packet := append([]byte{0x46, 0, 0, 0, 0, 0, 0, 0, 64, 6, 0, 0, 10, 9, 8, 7, 10, 0, 0, 1, 1, 1, 1, 1}, tcp(tcpSYN)...)
	from, payload, ok := payload4(packet)
	if !ok || from != source || len(payload) != 20 {
		t.Errorf("a packet with options is from %s with %d bytes, %t", from, len(payload), ok)
	}
	for name, bad := range map[string][]byte{"empty": nil, "IPv6": {0x60}, "short": packet[:23], "a header of nothing": append([]byte{0x41}, packet[1:]...)} {
		if _, _, ok := payload4(bad); ok {
			t.Errorf("%s is read", name)
		}
	}
}

func TestThePingHasARightChecksum(t *testing.T) {
	for _, number := range []uint16{0, 1, 0xffff, 0x1234} {
		var sum uint32
		message := echoRequest(true, number)
		for i := 0; i < len(message); i += 2 {
			sum += uint32(binary.BigEndian.Uint16(message[i:]))
		}
		if sum = sum&0xffff + sum>>16; sum != 0xffff {
			t.Errorf("number %d: the sum is %x", number, sum)
		}
	}
}

func FuzzPackets(f *testing.F) {
	f.Add([]byte{0x46, 0, 0})
	f.Add(tcp(tcpSYN))
	f.Fuzz(func(_ *testing.T, packet []byte) {
		from, payload, _ := payload4(packet)
		for _, p := range []flow.Protocol{flow.TCP, flow.UDP, flow.ICMP} {
			first(p, from, payload)
			first(p, from, packet)
		}
		Book{"a.example.": source}.Answer(packet)
		Address(packet)
	})
}

func TestABookAnswersForItsNames(t *testing.T) {
	book := Book{"updates.example.": source}
	for name, want := range map[string]bool{"updates.example.": true, "other.example.": false} {
		request, err := Lookup(name, 7)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := Address(book.Answer(request)); ok != want || ok && got != source {
			t.Errorf("%s is at %s, %t", name, got, ok)
		}
		if _, ok := Address(request); ok {
			t.Errorf("the request for %s is taken for an answer", name)
		}
	}
	if book.Answer([]byte("medfence")) != nil {
		t.Error("what is no request is answered")
	}
	request, err := Lookup("updates.example.", 7)
	if err != nil {
		t.Fatal(err)
	}
	if book.Answer(book.Answer(request)) != nil {
		t.Error("an answer is answered")
	}
	if got := framed([]byte("abc")); string(got) != "\x00\x03abc" {
		t.Errorf("framed: %q", got)
	}
}
