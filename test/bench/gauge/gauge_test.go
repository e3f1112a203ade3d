package gauge

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func line(stage, user, verb, resource, sub, name string) string {
	return fmt.Sprintf(`{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","stage":%q,"verb":%q,"user":{"username":%q},`+
		`"objectRef":{"resource":%q,"namespace":"ward","name":%q,"apiGroup":"medfence.io","subresource":%q},"responseStatus":{"code":200},`+
		`"requestReceivedTimestamp":"2026-06-01T12:00:00.000001Z","stageTimestamp":"2026-06-01T12:00:00.002001Z"}`+"\n", stage, verb, user, resource, name, sub)
}

func TestTheLogIsReadOnFromWhereItWas(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	write := func(lines ...string) {
		t.Helper()
		file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		if _, err := file.WriteString(strings.Join(lines, "")); err != nil {
			t.Fatal(err)
		}
	}
	write(line("ResponseComplete", "operator", "patch", "devicezones", "status", "before"))
	l, err := OpenLog(path)
	if err != nil {
		t.Fatal(err)
	}
	half := line("ResponseComplete", "operator", "patch", "conduits", "status", "half")
	write(
		line("ResponseComplete", "operator", "patch", "devicezones", "status", "a"),
		line("ResponseStarted", "operator", "watch", "devicezones", "", ""),
		line("ResponseComplete", "somebody", "get", "devicezones", "", "operator"),
		half[:40],
	)
	next := func(user string) []string {
		t.Helper()
		list, err := l.Next(user)
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, r := range list {
			if took := r.Answered.Sub(r.Received); took.Microseconds() != 2000 || r.Code != 200 || r.Group != "medfence.io" {
				t.Errorf("read %+v", r)
			}
			out = append(out, r.Name)
		}
		return out
	}
	if diff := cmp.Diff([]string{"a"}, next("operator")); diff != "" {
		t.Errorf("the first time (-want +got):\n%s", diff)
	}
	write(half[40:])
	if diff := cmp.Diff([]string{"half"}, next("")); diff != "" {
		t.Errorf("the second time (-want +got):\n%s", diff)
	}
	if got := next(""); got != nil {
		t.Errorf("at the end there is %v", got)
	}
}

func TestALogThatIsNotThereYetIsReadFromItsBegin(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	l, err := OpenLog(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(line("ResponseComplete", "u", "create", "networkpolicies", "", "")), 0o600); err != nil {
		t.Fatal(err)
	}
	if list, err := l.Next(""); err != nil || len(list) != 1 {
		t.Errorf("read %v (%v)", list, err)
	}
	if err := os.WriteFile(path+"2", []byte("no JSON\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := (&Log{path: path + "2"}).Next(""); err == nil {
		t.Error("a line that is no JSON is no error")
	}
}

func TestWritesAreToldFromWhatIsNone(t *testing.T) {
	list := []Request{
		{Verb: "create", Resource: "networkpolicies"}, {Verb: "patch", Resource: "devicezones", Sub: "status"},
		{Verb: "patch", Resource: "devicezones", Sub: "status"}, {Verb: "update", Resource: "ciliumcidrgroups"},
		{Verb: "list", Resource: "networkpolicies"}, {Verb: "watch", Resource: "pods"},
		{Verb: "update", Resource: "leases"}, {Verb: "create", Resource: "events"}, {Verb: "create", Resource: "subjectaccessreviews"},
	}
	want := map[string]int{"create networkpolicies": 1, "patch devicezones/status": 2, "update ciliumcidrgroups": 1}
	if diff := cmp.Diff(want, Kinds(Of(list, IsWrite))); diff != "" {
		t.Errorf("writes (-want +got):\n%s", diff)
	}
	if got := Of(list, IsPolicyWrite); len(got) != 2 || len(Of(list, IsEvent)) != 1 || len(list) != 9 {
		t.Errorf("of policies: %v", got)
	}
}

const exposition = `# TYPE passes histogram
passes_bucket{kind="zone",le="+Inf"} 3
passes_sum{kind="zone"} 1.5
passes_count{kind="zone"} 3
passes_bucket{kind="device",le="+Inf"} 4
passes_sum{kind="device"} 0.5
passes_count{kind="device"} 4
# TYPE depth gauge
depth{name="a"} 2
depth{name="b"} 5
`

func TestMetricsAreAddedUp(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/metrics" {
			http.NotFound(w, r)
			return
		}
		fmt.Fprint(w, exposition)
	}))
	t.Cleanup(server.Close)
	m, err := Scrape(t.Context(), server.Client(), server.URL+"/metrics")
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct{ got, want float64 }{
		"all counts":        {m.Sum("passes", nil), 7},
		"counts of one":     {m.Sum("passes", Labels{"kind": "zone"}), 3},
		"sums of one":       {m.Total("passes", Labels{"kind": "zone"}), 1.5},
		"gauges":            {m.Sum("depth", nil), 7},
		"one gauge":         {m.Sum("depth", Labels{"name": "b"}), 5},
		"a label it is not": {m.Sum("depth", Labels{"name": "c"}), 0},
		"no such metric":    {m.Sum("nothing", nil), 0},
	} {
		if tc.got != tc.want {
			t.Errorf("%s: %v, want %v", name, tc.got, tc.want)
		}
	}
	if _, err := Scrape(t.Context(), server.Client(), server.URL+"/nowhere"); err == nil {
		t.Error("a page that is not there is no error")
	}
}
