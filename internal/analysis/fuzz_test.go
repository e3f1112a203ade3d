package analysis_test

import (
	"testing"

	"github.com/medfence/medfence/internal/analysis"
	"github.com/medfence/medfence/internal/catalog"
	"github.com/medfence/medfence/test/hospital"
)

// FuzzQuestion: whatever somebody asks, there is an answer or an error that says
// what to write instead; and the answer names the two.
func FuzzQuestion(f *testing.F) {
	for _, seed := range [][3]string{
		{"10.0.0.1", "world", "3613"}, {"zone/z0", "device/n0/d0", "udp/24105"}, {"pod/n0/p0", "2001:db8::/32", "icmp/8"},
		{"pod/", "device//", "dicom"}, {"zone/", "fe80::1%eth0", "0"}, {"::ffff:10.0.0.1", "10.0.0.0/33", "65536"}, {"podd/x/y", "world/x", "icmp/256"},
	} {
		f.Add(seed[0], seed[1], seed[2], uint64(1))
	}
	f.Fuzz(func(t *testing.T, from, to, port string, seed uint64) {
		r := analysis.New(hospital.Random(seed%16, hospital.Options{}))
		packets, portErr := analysis.ParsePackets(port, catalog.Embedded())
		a, fromErr := r.Find(from)
		b, toErr := r.Find(to)
		for _, err := range []error{portErr, fromErr, toErr} {
			if err != nil {
				if len(err.Error()) < 10 {
					t.Errorf("the error says only %q", err)
				}
				return
			}
		}
		for _, p := range packets {
			e := r.Explain(a, b, p)
			if e == nil || a.Words() == "" || b.Words() == "" {
				t.Errorf("%q to %q on %q: nothing is said", from, to, port)
			}
		}
		r.Contacts(a, analysis.From)
		r.Contacts(b, analysis.To)
	})
}
