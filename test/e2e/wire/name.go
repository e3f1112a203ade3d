package wire

import (
	"encoding/binary"
	"net/netip"

	"golang.org/x/net/dns/dnsmessage"
)

// DNSPort is where a question must be one about a name: a DNS proxy on the way
// lets nothing else pass.
const DNSPort = 53

// nameOfDNS is a name that every policy about names permits: one of the
// cluster's own.
const nameOfDNS = "kube-dns.kube-system.svc.cluster.local."

// Lookup returns a DNS request for the addresses of a name, with its final dot.
func Lookup(name string, number uint16) ([]byte, error) {
	host, err := dnsmessage.NewName(name)
	if err != nil {
		return nil, err
	}
	message := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: number, RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: host, Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}},
	}
	return message.Pack()
}

// A Book tells the IPv4 addresses of names. A name that is not in it has none.
type Book map[string]netip.Addr

// Answer returns the answer to a DNS request, or nil to what is none.
func (b Book) Answer(request []byte) []byte {
	var message dnsmessage.Message
	if err := message.Unpack(request); err != nil || message.Response || len(message.Questions) == 0 {
		return nil
	}
	message.Response, message.RecursionAvailable = true, true
	question := message.Questions[0]
	if a, ok := b[question.Name.String()]; ok && question.Type == dnsmessage.TypeA {
		message.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: question.Name, Class: dnsmessage.ClassINET, TTL: 60},
			Body:   &dnsmessage.AResource{A: a.As4()},
		}}
	}
	message.Additionals = nil
	out, err := message.Pack()
	if err != nil {
		return nil
	}
	return out
}

// Address returns the first address in a DNS answer.
func Address(answer []byte) (netip.Addr, bool) {
	var message dnsmessage.Message
	if err := message.Unpack(answer); err != nil {
		return netip.Addr{}, false
	}
	for _, r := range message.Answers {
		if a, ok := r.Body.(*dnsmessage.AResource); ok {
			return netip.AddrFrom4(a.A), true
		}
	}
	return netip.Addr{}, false
}

// framed puts the length before a message, as DNS over TCP does.
func framed(message []byte) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(message))), message...)
}
