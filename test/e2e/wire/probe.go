//go:build linux

package wire

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/medfence/medfence/internal/flow"
)

// numbers tells pings apart.
var numbers atomic.Uint32

// A Probe is one attempt at a conversation. It opens it, and waits for the echo
// until it is closed.
type Probe struct {
	Key  Key
	Sent time.Time
	// Answered is closed when the echo has come back.
	Answered chan struct{}
	// Refused is closed when the other side, or something on the way, said no.
	Refused chan struct{}
	// Answer is what came back, once Answered is closed.
	Answer []byte
	file   *os.File
	forget func()
	name   string // to ask DNS for
}

// Send opens a conversation from a station to an address and port.
func (s *Station) Send(to netip.Addr, p flow.Protocol, port uint16) (*Probe, error) {
	return s.send(to, p, port, "")
}

// Ask asks the DNS server at an address for a name.
func (s *Station) Ask(server netip.Addr, name string) (*Probe, error) {
	return s.send(server, flow.UDP, DNSPort, name)
}

func (s *Station) send(to netip.Addr, p flow.Protocol, port uint16, name string) (*Probe, error) {
	out := &Probe{name: name, Answered: make(chan struct{}), Refused: make(chan struct{}), forget: func() {}}
	out.Key = Key{Protocol: p, Port: port}
	var fd int
	err := s.space.Do(func() (err error) {
		fd, err = unix.Socket(family(to), kind(p)|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, number(p, to.Is4()))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("opening a socket: %w", err)
	}
	out.file = os.NewFile(uintptr(fd), "probe")
	if p == flow.TCP {
		_ = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	}
	out.Sent = time.Now()
	if err := unix.Connect(fd, address(to, port)); err != nil && !errors.Is(err, unix.EINPROGRESS) {
		return nil, errors.Join(fmt.Errorf("connecting to %s: %w", netip.AddrPortFrom(to, port), err), out.Close())
	}
	own, err := unix.Getsockname(fd)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("asking for the own address: %w", err), out.Close())
	}
	out.Key.Source, out.Key.SourcePort = ownAddress(own)
	if p == flow.ICMP {
		out.ping(s, to.Is4())
	}
	go out.converse(p)
	return out, nil
}

// Shoot sends one datagram from a new socket and forgets it.
func (s *Station) Shoot(to netip.AddrPort) (Key, time.Time, error) {
	k := Key{Protocol: flow.UDP, Port: to.Port()}
	var at time.Time
	err := s.space.Do(func() error {
		fd, err := unix.Socket(family(to.Addr()), unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.IPPROTO_UDP)
		if err != nil {
			return fmt.Errorf("opening a socket: %w", err)
		}
		defer func() { _ = unix.Close(fd) }()
		if err := unix.Connect(fd, address(to.Addr(), to.Port())); err != nil {
			return fmt.Errorf("connecting to %s: %w", to, err)
		}
		own, err := unix.Getsockname(fd)
		if err != nil {
			return fmt.Errorf("asking for the own address: %w", err)
		}
		k.Source, k.SourcePort = ownAddress(own)
		at = time.Now()
		_, err = unix.Write(fd, []byte("medfence"))
		return err
	})
	return k, at, err
}

// ping sets up the answer to an echo request, which comes to a raw socket of
// the station.
func (p *Probe) ping(s *Station, _ bool) {
	number := uint16(numbers.Add(1))
	p.Key.SourcePort, p.Key.Port = number, 0
	s.mu.Lock()
	s.onEcho[number] = p.Answered
	s.mu.Unlock()
	p.forget = func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.onEcho, number)
	}
}

// converse sends a word and waits for it to come back.
func (p *Probe) converse(protocol flow.Protocol) {
	raw, err := p.file.SyscallConn()
	if err != nil {
		return
	}
	if protocol == flow.TCP && !p.connected() {
		return
	}
	word, err := p.word(protocol)
	if err != nil {
		p.refuse(err)
		return
	}
	if _, err := p.file.Write(word); err != nil {
		p.refuse(err)
		return
	}
	if protocol == flow.ICMP {
		return // the station hears the answer
	}
	buffer := make([]byte, 512)
	var n int
	var failed error
	if err := raw.Read(func(fd uintptr) bool {
		n, failed = unix.Read(int(fd), buffer)
		return failed != unix.EAGAIN
	}); err != nil {
		return // closed
	}
	if failed != nil || n == 0 {
		p.refuse(failed)
		return
	}
	p.Answer = buffer[:n]
	close(p.Answered)
}

// word is what the other side is to answer.
func (p *Probe) word(protocol flow.Protocol) ([]byte, error) {
	switch {
	case protocol == flow.ICMP:
		return echoRequest(p.Key.Source.Is4(), p.Key.SourcePort), nil
	case p.Key.Port != DNSPort:
		return []byte("medfence"), nil
	}
	request, err := Lookup(cmp.Or(p.name, nameOfDNS), p.Key.SourcePort)
	if protocol == flow.TCP {
		request = framed(request)
	}
	return request, err
}

// connected waits for the end of the handshake.
func (p *Probe) connected() bool {
	raw, err := p.file.SyscallConn()
	if err != nil {
		return false
	}
	var failed error
	err = raw.Write(func(fd uintptr) bool {
		code, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ERROR)
		if err != nil || code != 0 {
			failed = errors.Join(err, unix.Errno(code))
			return true
		}
		_, err = unix.Getpeername(int(fd))
		return err == nil
	})
	if failed != nil {
		p.refuse(failed)
	}
	return err == nil && failed == nil
}

// refuse notes a refusal, unless the probe has been closed.
func (p *Probe) refuse(err error) {
	if errors.Is(err, os.ErrClosed) {
		return
	}
	close(p.Refused)
}

// Close ends the probe. What it was about may be asked no more.
func (p *Probe) Close() error {
	p.forget()
	return p.file.Close()
}

// Passes waits until the probe is answered, refused or given up.
func (p *Probe) Passes(ctx context.Context) bool {
	select {
	case <-p.Answered:
		return true
	case <-p.Refused:
		return false
	case <-ctx.Done():
		return false
	}
}

func family(to netip.Addr) int {
	if to.Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

func kind(p flow.Protocol) int {
	switch p {
	case flow.TCP:
		return unix.SOCK_STREAM
	case flow.UDP:
		return unix.SOCK_DGRAM
	default:
		return unix.SOCK_RAW
	}
}

func number(p flow.Protocol, is4 bool) int {
	switch {
	case p == flow.TCP:
		return unix.IPPROTO_TCP
	case p == flow.UDP:
		return unix.IPPROTO_UDP
	case is4:
		return unix.IPPROTO_ICMP
	default:
		return unix.IPPROTO_ICMPV6
	}
}

func address(to netip.Addr, port uint16) unix.Sockaddr {
	if to.Is4() {
		return &unix.SockaddrInet4{Addr: to.As4(), Port: int(port)}
	}
	return &unix.SockaddrInet6{Addr: to.As16(), Port: int(port)}
}

func ownAddress(own unix.Sockaddr) (netip.Addr, uint16) {
	switch a := own.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrFrom4(a.Addr), uint16(a.Port)
	case *unix.SockaddrInet6:
		return netip.AddrFrom16(a.Addr), uint16(a.Port)
	}
	return netip.Addr{}, 0
}
