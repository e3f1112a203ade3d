//go:build linux

package wire

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/medfence/medfence/internal/flow"
)

// A Space is where sockets are opened.
type Space interface {
	Do(f func() error) error
}

// A Station is an endpoint: its witnesses, its servers, and the place from which
// it sends.
type Station struct {
	space Space
	files []*os.File
	nets  []interface{ Close() error }

	mu      sync.Mutex
	arrived map[Key]int
	onEcho  map[uint16]chan struct{} // probes that wait for the answer to a ping
	book    Book
}

// Serving says what a station answers to.
type Serving struct {
	// Addresses are those of the station. UDP is served at each of them apart, so
	// that an answer comes from where it was asked.
	Addresses []netip.Addr
	TCP, UDP  []uint16
}

// Open makes a station of a namespace. Closing it ends all.
func Open(space Space, what Serving) (*Station, error) {
	s := &Station{space: space, arrived: map[Key]int{}, onEcho: map[uint16]chan struct{}{}}
	err := space.Do(func() error {
		for _, open := range []func() error{s.watch, func() error { return s.serveTCP(what) }, func() error { return s.serveUDP(what) }} {
			if err := open(); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Close closes every socket of the station.
func (s *Station) Close() error {
	for _, c := range s.nets {
		_ = c.Close()
	}
	for _, f := range s.files {
		_ = f.Close()
	}
	return nil
}

// Arrived returns how often a packet has arrived: again, where TCP sent it again.
func (s *Station) Arrived(k Key) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.arrived[k]
}

// Forget forgets what has arrived so far.
func (s *Station) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.arrived)
}

// ArrivedAt counts what has arrived at a port, from anybody.
func (s *Station) ArrivedAt(p flow.Protocol, port uint16) int {
	return s.count(func(k Key) bool { return k.Protocol == p && k.Port == port })
}

func (s *Station) count(which func(Key) bool) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for k, times := range s.arrived {
		if which(k) {
			n += times
		}
	}
	return n
}

// watch opens the raw sockets.
func (s *Station) watch() error {
	for protocol, numbers := range map[flow.Protocol][2]int{
		flow.TCP:  {unix.IPPROTO_TCP, unix.IPPROTO_TCP},
		flow.UDP:  {unix.IPPROTO_UDP, unix.IPPROTO_UDP},
		flow.ICMP: {unix.IPPROTO_ICMP, unix.IPPROTO_ICMPV6},
	} {
		for i, family := range []int{unix.AF_INET, unix.AF_INET6} {
			fd, err := unix.Socket(family, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, numbers[i])
			if err != nil {
				return fmt.Errorf("opening a raw socket: %w", err)
			}
			_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 4<<20)
			file := os.NewFile(uintptr(fd), "witness")
			s.files = append(s.files, file)
			go s.read(file, protocol, family == unix.AF_INET)
		}
	}
	return nil
}

// read notes what arrives until the socket is closed.
func (s *Station) read(file *os.File, protocol flow.Protocol, is4 bool) {
	raw, err := file.SyscallConn()
	if err != nil {
		return
	}
	buffer := make([]byte, 2048)
	for {
		var n int
		var from unix.Sockaddr
		var failed error
		err := raw.Read(func(fd uintptr) bool {
			n, from, failed = unix.Recvfrom(int(fd), buffer, 0)
			return failed != unix.EAGAIN
		})
		if err != nil {
			return
		}
		if failed != nil {
			continue
		}
		s.note(protocol, is4, from, buffer[:n])
	}
}

func (s *Station) note(protocol flow.Protocol, is4 bool, from unix.Sockaddr, packet []byte) {
	var source netip.Addr
	payload, ok := packet, true
	if is4 {
		source, payload, ok = payload4(packet)
	} else if from6, is6 := from.(*unix.SockaddrInet6); is6 {
		source = netip.AddrFrom16(from6.Addr)
	}
	if !ok {
		return
	}
	if protocol == flow.ICMP && len(payload) >= 8 && (payload[0] == 0 || payload[0] == 129) {
		s.echoed(uint16(payload[6])<<8 | uint16(payload[7]))
		return
	}
	if k, ok := first(protocol, source, payload); ok {
		s.mu.Lock()
		s.arrived[k]++
		s.mu.Unlock()
	}
}

// echoed wakes the probe that a ping's answer is for.
func (s *Station) echoed(number uint16) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if wait, ok := s.onEcho[number]; ok {
		close(wait)
		delete(s.onEcho, number)
	}
}

// serveTCP echoes what it is sent, on each port.
func (s *Station) serveTCP(what Serving) error {
	for _, port := range what.TCP {
		listener, err := net.ListenTCP("tcp", &net.TCPAddr{Port: int(port)})
		if err != nil {
			return fmt.Errorf("serving TCP: %w", err)
		}
		s.nets = append(s.nets, listener)
		go func() {
			for {
				conn, err := listener.AcceptTCP()
				if errors.Is(err, net.ErrClosed) {
					return
				}
				if err != nil {
					continue // the caller has gone already
				}
				go s.echo(conn, port)
			}
		}()
	}
	return nil
}

func (s *Station) echo(conn *net.TCPConn, port uint16) {
	defer func() { _ = conn.Close() }()
	_ = conn.SetLinger(0) // thousands of them: nobody keeps their ends in memory
	buffer := make([]byte, 512)
	for {
		n, err := conn.Read(buffer)
		if err != nil {
			return
		}
		answer := buffer[:n]
		if port == DNSPort && n > 2 {
			answer = framed(s.reply(port, buffer[2:n]))
		}
		if _, err := conn.Write(answer); err != nil {
			return
		}
	}
}

// serveUDP echoes each datagram to its sender.
func (s *Station) serveUDP(what Serving) error {
	for _, a := range what.Addresses {
		for _, port := range what.UDP {
			conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(a, port)))
			if err != nil {
				return fmt.Errorf("serving UDP: %w", err)
			}
			s.nets = append(s.nets, conn)
			go s.answerUDP(conn, port)
		}
	}
	return nil
}

func (s *Station) answerUDP(conn *net.UDPConn, port uint16) {
	buffer := make([]byte, 2048)
	for {
		n, from, err := conn.ReadFromUDPAddrPort(buffer)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // an answer that nobody wanted
		}
		_, _ = conn.WriteToUDPAddrPort(s.reply(port, buffer[:n]), from)
	}
}

// Tell has the station answer DNS requests by a book of names; without one, no
// name has an address.
func (s *Station) Tell(book Book) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.book = book
}

func (s *Station) reply(port uint16, request []byte) []byte {
	if port != DNSPort {
		return request
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.book.Answer(request)
}
