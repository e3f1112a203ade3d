package compile_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/medfence/medfence/internal/catalog"
	"github.com/medfence/medfence/internal/compile"
	"github.com/medfence/medfence/internal/plan"
)

func TestAConduitHasItsTime(t *testing.T) {
	const zonesAndConduit = complaintZones + `conduit c {from: {zones: [pumps]}, to: {zones: [engine]}, services: [{name: https}], startsAt: "2026-06-01T12:00:00Z", expiresAt: "2026-06-01T13:00:00Z"}`
	for at, want := range map[string]plan.State{
		"2026-06-01T11:59:59.999999999Z": plan.Scheduled,
		"2026-06-01T12:00:00Z":           plan.Active,
		"2026-06-01T12:59:59.999999999Z": plan.Active,
		"2026-06-01T13:00:00Z":           plan.Expired,
		"2027-01-01T00:00:00Z":           plan.Expired,
	} {
		s := ward(t, zonesAndConduit)
		now, err := time.Parse(time.RFC3339Nano, at)
		if err != nil {
			t.Fatal(err)
		}
		s.Now = now
		c := compile.Compile(s).Plan.Conduits[0]
		if c.State != want || c.Permits() != (want == plan.Active) {
			t.Errorf("at %s the conduit is %s and permits: %t; want %s", at, c.State, c.Permits(), want)
		}
	}
}

func TestWhatHasEndedStaysEndedWhateverTheClockSays(t *testing.T) {
	const end = "2026-06-01T13:00:00Z"
	for name, tc := range map[string]struct {
		window string
		want   plan.State
	}{
		"its end is the same":     {`, expiresAt: "2026-06-01T13:00:00Z"`, plan.Expired},
		"its end is earlier now":  {`, expiresAt: "2026-06-01T12:59:59Z"`, plan.Expired},
		"its end is later now":    {`, expiresAt: "2026-06-01T13:00:01Z"`, plan.Active},
		"it has no end any more":  {``, plan.Active},
		"it begins and ends anew": {`, startsAt: "2026-06-01T13:00:01Z", expiresAt: "2026-06-01T14:00:00Z"`, plan.Scheduled},
	} {
		for _, at := range []string{"1970-01-01T00:00:00Z", "2026-06-01T12:30:00Z"} {
			s := ward(t, complaintZones+`conduit c {from: {zones: [pumps]}, to: {zones: [engine]}, services: [{name: https}]`+tc.window+`}`)
			ended, err := time.Parse(time.RFC3339, end)
			if err != nil {
				t.Fatal(err)
			}
			if s.Now, err = time.Parse(time.RFC3339, at); err != nil {
				t.Fatal(err)
			}
			s.Conduits[0].Ended = &metav1.Time{Time: ended}
			if c := compile.Compile(s).Plan.Conduits[0]; c.State != tc.want {
				t.Errorf("%s, at %s: it is %s, want %s", name, at, c.State, tc.want)
			}
		}
	}
}

func TestAnExpiryInABrokenSpecAppliesIfItIsOne(t *testing.T) {
	const (
		broken = `from: {zones: [pumps]}, to: {zones: [engine]}, services: [{name: htps}]`
		sound  = `from: {zones: [pumps]}, to: {zones: [engine]}, services: [{name: https}]`
		past   = `"2026-06-01T12:00:00Z"`
		soon   = `"2026-06-01T13:00:00Z"`
		later  = `"2027-01-01T00:00:00Z"`
	)
	for name, tc := range map[string]struct {
		conduit string
		want    plan.State
	}{
		"it has passed":                             {`{` + broken + `, expiresAt: ` + past + `} | was {` + sound + `}`, plan.Expired},
		"it has passed, and was to be later":        {`{` + broken + `, expiresAt: ` + past + `} | was {` + sound + `, expiresAt: ` + later + `}`, plan.Expired},
		"it is to come":                             {`{` + broken + `, expiresAt: ` + soon + `} | was {` + sound + `}`, plan.Active},
		"it is later than what was accepted":        {`{` + broken + `, expiresAt: ` + later + `} | was {` + sound + `, expiresAt: ` + past + `}`, plan.Expired},
		"it is gone from the spec":                  {`{` + broken + `} | was {` + sound + `, expiresAt: ` + past + `}`, plan.Expired},
		"it lies before the start of the same spec": {`{` + broken + `, startsAt: ` + soon + `, expiresAt: ` + past + `} | was {` + sound + `}`, plan.Active},
		"a later start waits":                       {`{` + broken + `, startsAt: ` + later + `} | was {` + sound + `}`, plan.Active},
	} {
		t.Run(name, func(t *testing.T) {
			c := compile.Compile(ward(t, complaintZones+"conduit c "+tc.conduit)).Plan.Conduits[0]
			if c.Standing != plan.Last || c.State != tc.want {
				t.Errorf("the conduit is %s and %s, want Last and %s", c.Standing, c.State, tc.want)
			}
		})
	}
}

func TestAnAcceptedConduitKeepsItsServices(t *testing.T) {
	catalogue, err := catalog.Embedded().With([]byte("services:\n- name: https\n  title: Web\n  endpoints: [{protocol: TCP, ports: [8443]}]\n  encrypted: true\n  source: the site\n"))
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		conduit string
		want    string
	}{
		"as it stands":            {`{from: {zones: [pumps]}, to: {zones: [engine]}, services: [{name: https}]} | was same | kept [{name: https, protocol: TCP, ports: ["443"], encrypted: true}]`, "https:443"},
		"in a new conduit":        {`{from: {zones: [pumps]}, to: {zones: [engine]}, services: [{name: https}]}`, "https:8443"},
		"after an edit":           {`{from: {zones: [pumps]}, to: {zones: [engine]}, services: [{name: https}], dataClass: PHI} | was {from: {zones: [pumps]}, to: {zones: [engine]}, services: [{name: https}]} | kept [{name: https, protocol: TCP, ports: ["443"], encrypted: true}]`, "https:8443"},
		"after a broken edit":     {`{from: {zones: [pumps]}, to: {zones: [engnie]}, services: [{name: https}]} | was {from: {zones: [pumps]}, to: {zones: [engine]}, services: [{name: https}]} | kept [{name: https, protocol: TCP, ports: ["443"], encrypted: true}]`, "https:443"},
		"a name that is gone now": {`{from: {zones: [pumps]}, to: {zones: [engine]}, services: [{name: old}]} | was same | kept [{name: old, protocol: TCP, ports: ["1000-1010", "2000"]}]`, "old:1000-1010,2000"},
		"what cannot be read":     {`{from: {zones: [pumps]}, to: {zones: [engine]}, services: [{name: old}]} | was same | kept [{name: old, protocol: TCP, ports: ["0", "x", "9-3", "70000", "443"]}, {protocol: IP}, {protocol: ICMP}]`, "old:443"},
	} {
		t.Run(name, func(t *testing.T) {
			s := ward(t, complaintZones+"conduit c "+tc.conduit)
			s.Catalogue = catalogue
			var got []string
			for _, service := range compile.Compile(s).Plan.Conduits[0].Services {
				got = append(got, service.String())
			}
			if strings.Join(got, " ") != tc.want {
				t.Errorf("got %v, want %s", got, tc.want)
			}
		})
	}
}

func TestAnAcceptedConduitIsNotCutByWhatIsNew(t *testing.T) {
	for name, zonesAndConduit := range map[string]string{
		"a zone that requires encryption now": `conduit c {from: {zones: [lab]}, to: {zones: [engine]}, services: [{name: hl7-mllp}]} | was same`,
		"a service that is dangerous now":     `conduit c {from: {zones: [pumps]}, to: {zones: [engine]}, services: [{name: telnet}]} | was same`,
		"a zone that is only names now":       `conduit c {from: {zones: [vendor]}, to: {zones: [pumps]}, services: [{name: https}]} | was same`,
	} {
		t.Run(name, func(t *testing.T) {
			c := compile.Compile(ward(t, complaintZones+zonesAndConduit)).Plan.Conduits[0]
			if c.Standing != plan.Last || !c.Permits() {
				t.Errorf("the conduit is %s and permits: %t", c.Standing, c.Permits())
			}
		})
	}
}

func TestWhichPairsAConduitJoins(t *testing.T) {
	const three = `
zone a {role: Device, enforcement: Enforce, members: {cidrs: [10.1.0.0/16]}}
zone b {role: Device, enforcement: Enforce, members: {cidrs: [10.2.0.0/16]}}
zone p {role: Clinical, members: {cidrs: [10.3.0.0/16]}}
`
	for name, tc := range map[string]struct {
		conduit string
		want    []string
	}{
		"each of one side with each of the other": {`{from: {zones: [a, p]}, to: {zones: [b]}, services: [{name: https}]}`, []string{"a to b", "p to b"}},
		"no zone with itself":                     {`{from: {zones: [a, b]}, to: {zones: [a, b]}, services: [{name: https}]}`, []string{"a to b", "b to a"}},
		"a zone with itself":                      {`{from: {zones: [a]}, to: {zones: [a]}, services: [{name: https}]}`, []string{"a to a"}},
		"one of a side is there too":              {`{from: {zones: [a]}, to: {zones: [a, p]}, services: [{name: https}]}`, []string{"a to p"}},
		"the other zone of a side is gone":        {`{from: {zones: [a, gone]}, to: {zones: [a]}, services: [{name: https}]} | was same`, nil},
		"the other zone of each side is gone":     {`{from: {zones: [a, gone]}, to: {zones: [a, gone]}, services: [{name: https}]} | was same`, nil},
		"one of three is gone":                    {`{from: {zones: [a, gone]}, to: {zones: [a, b]}, services: [{name: https}]} | was same`, []string{"a to b"}},
		"a zone written twice":                    {`{from: {zones: [a, a]}, to: {zones: [a]}, services: [{name: https}]}`, []string{"a to a"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := compile.Compile(ward(t, three+"conduit c "+tc.conduit)).Plan
			var got []string
			for _, pair := range p.Conduits[0].Pairs() {
				got = append(got, pair.From.Zone+" to "+pair.To.Zone)
			}
			if diff := cmp.Diff(tc.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("pairs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhatADeviceSelectorTakesIn(t *testing.T) {
	const devices = `
zone pumps  {role: Device, enforcement: Enforce, members: {namespaces: [pumps], cidrs: [10.20.0.0/16]}}
zone engine {role: Clinical, members: {namespaces: [engine]}}
device pumps/a {zone: pumps, addresses: [10.20.0.1]} | labels {model: x, site: north}
device pumps/b {zone: pumps, addresses: [10.20.0.2]} | labels {model: x}
device pumps/c {zone: pumps, addresses: [10.20.0.3]} | labels {site: south}
device pumps/d {zone: pumps, workload: {podSelector: {matchLabels: {model: x}}}}
pod pumps/stranger {model: x, site: north}
`
	for selector, want := range map[string]string{
		`{matchLabels: {model: x}}`:                                                                             "pumps[10.20.0.1/32 10.20.0.2/32]",
		`{matchLabels: {model: x, site: north}}`:                                                                "pumps[10.20.0.1/32]",
		`{matchExpressions: [{key: site, operator: In, values: [north, south]}]}`:                               "pumps[10.20.0.1/32 10.20.0.3/32]",
		`{matchExpressions: [{key: site, operator: NotIn, values: [north]}]}`:                                   "pumps[pumps{model=x} 10.20.0.2/31]",
		`{matchExpressions: [{key: site, operator: Exists}]}`:                                                   "pumps[10.20.0.1/32 10.20.0.3/32]",
		`{matchExpressions: [{key: site, operator: DoesNotExist}]}`:                                             "pumps[pumps{model=x} 10.20.0.2/32]",
		`{matchLabels: {model: x}, matchExpressions: [{key: site, operator: DoesNotExist}]}`:                    "pumps[10.20.0.2/32]",
		`{matchExpressions: [{key: site, operator: Exists}, {key: site, operator: NotIn, values: [north, x]}]}`: "pumps[10.20.0.3/32]",
		`{matchLabels: {model: nothing}}`:                                                                       "",
	} {
		t.Run(selector, func(t *testing.T) {
			s := ward(t, devices+"conduit c {from: {zones: [pumps], deviceSelector: "+selector+"}, to: {zones: [engine]}, services: [{name: https}]}")
			got := flows(compile.Compile(s).Plan)
			switch {
			case want == "" && len(got) == 0:
			case len(got) != 1 || !strings.HasPrefix(got[0], "c: "+want+" -> "):
				t.Errorf("got %v, want %s", got, want)
			}
		})
	}
	s := ward(t, devices+"conduit c {from: {zones: [pumps]}, to: {zones: [engine]}, services: [{name: https}]}")
	if got := flows(compile.Compile(s).Plan); !slices.Equal(got, []string{"c: pumps[pumps{model=x} 10.20.0.0/16] -> engine[engine{}] https:443"}) {
		t.Errorf("without a selector all devices and cidrs of the zone are meant, got %v", got)
	}
}

func TestWhoEnforcesAConduit(t *testing.T) {
	const all = `
zone pumps  {role: Device, enforcement: Enforce, members: {namespaces: [pumps]}}
zone far    {role: Device, enforcement: Enforce, members: {cidrs: [10.20.0.0/16]}}
zone both   {role: Device, enforcement: Enforce, members: {namespaces: [both], cidrs: [10.21.0.0/16]}}
zone engine {role: Clinical, members: {namespaces: [engine]}}
zone campus {role: Corporate, members: {cidrs: [10.30.0.0/16]}}
zone pods   {role: Clinical, members: {namespaces: [pods]}}
zone empty  {role: Device, enforcement: Enforce}
device pumps/a {zone: pumps, workload: {podSelector: {matchLabels: {app: x}}}}
device both/a {zone: both, workload: {podSelector: {matchLabels: {app: x}}}}
`
	for conduit, want := range map[string]string{
		`{from: {zones: [pumps]}, to: {zones: [engine]}, services: [{name: https}]}`:                 "Cluster",
		`{from: {zones: [pumps]}, to: {zones: [campus]}, services: [{name: https}]}`:                 "Cluster",
		`{from: {zones: [far]}, to: {zones: [campus]}, services: [{name: https}]}`:                   "Network",
		`{from: {zones: [far]}, to: {zones: [far]}, services: [{name: https}]}`:                      "Network",
		`{from: {zones: [both]}, to: {zones: [campus]}, services: [{name: https}]}`:                  "Both",
		`{from: {zones: [far, pumps]}, to: {zones: [campus]}, services: [{name: https}]}`:            "Both",
		`{from: {zones: [empty]}, to: {zones: [engine]}, services: [{name: https}]}`:                 "",
		`{from: {zones: [empty, engine]}, to: {zones: [pods]}, services: [{name: https}]}`:           "",
		`{from: {zones: [gone, engine]}, to: {zones: [pods]}, services: [{name: https}]} | was same`: "",
	} {
		t.Run(conduit, func(t *testing.T) {
			r := compile.Compile(ward(t, all+"conduit c "+conduit))
			if got := string(r.Plan.Conduits[0].Point); got != want {
				t.Errorf("got %q, want %q; %v", got, want, said(r, ""))
			}
		})
	}
}
