package wire

import (
	"encoding/binary"
	"net/netip"

	"github.com/medfence/medfence/internal/flow"
)

// The types of an ICMP message that asks for an echo.
const (
	echo4 = 8
	echo6 = 128
)

// SYN and ACK in the flags of a TCP header.
const (
	tcpSYN = 0x02
	tcpACK = 0x10
)

// payload4 returns the source of an IPv4 packet, and what it carries.
func payload4(packet []byte) (source netip.Addr, payload []byte, ok bool) {
	if len(packet) < 20 || packet[0]>>4 != 4 {
		return source, nil, false
	}
	header := int(packet[0]&0x0f) * 4
	if header < 20 || len(packet) < header {
		return source, nil, false
	}
	return netip.AddrFrom4([4]byte(packet[12:16])), packet[header:], true
}

// first returns the key of a payload that opens a conversation: a TCP SYN, a UDP
// datagram, a request for an echo. Everything else is an answer.
func first(protocol flow.Protocol, source netip.Addr, payload []byte) (Key, bool) {
	k := Key{Protocol: protocol, Source: source}
	switch protocol {
	case flow.TCP:
		if len(payload) < 14 || payload[13]&(tcpSYN|tcpACK) != tcpSYN {
			return k, false
		}
	case flow.UDP:
		if len(payload) < 8 {
			return k, false
		}
	case flow.ICMP:
		if len(payload) < 8 || payload[0] != echo4 && payload[0] != echo6 {
			return k, false
		}
		k.SourcePort = binary.BigEndian.Uint16(payload[6:]) // sequence number
		return k, true
	default:
		return k, false
	}
	k.SourcePort = binary.BigEndian.Uint16(payload)
	k.Port = binary.BigEndian.Uint16(payload[2:])
	return k, true
}

// echoRequest returns an ICMP message. The kernel computes the checksum of the
// IPv6 one; it may not be asked to for IPv4.
func echoRequest(is4 bool, number uint16) []byte {
	message := []byte{echo6, 0, 0, 0, 0x4d, 0x46, 0, 0}
	binary.BigEndian.PutUint16(message[6:], number)
	if !is4 {
		return message
	}
	message[0] = echo4
	var sum uint32
	for i := 0; i < len(message); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(message[i:]))
	}
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	binary.BigEndian.PutUint16(message[2:], ^uint16(sum))
	return message
}
