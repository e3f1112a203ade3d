package catalog

import (
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation"
)

// A mistake is a site file with the words that its author reads.
type mistake struct {
	file string
	want []string // the lines of the error
}

func check(t *testing.T, cases map[string]mistake) {
	t.Helper()
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := small(t).With([]byte(tc.file))
			if c != nil || err == nil {
				t.Fatalf("the file was accepted")
			}
			if want := strings.Join(tc.want, "\n"); err.Error() != want {
				t.Errorf("the error is\n%s\nwant\n%s", err, want)
			}
		})
	}
}

func TestMistakesInTheFileAreNamed(t *testing.T) {
	t.Parallel()
	const empty = `the file is empty; write "services: []" if there is nothing to add`
	check(t, map[string]mistake{
		"nothing":         {"", []string{empty}},
		"comments only":   {"# services:\n", []string{empty}},
		"an open bracket": {"services: [", []string{"reading YAML: yaml: line 1: did not find expected node content"}},
		"bad indentation": {"services:\n- name: x\n title: y\n", []string{
			"reading YAML: yaml: line 2: did not find expected key"}},
		"a null document": {"---\n", []string{"line 2: nothing stands here; write fields, such as services"}},
		"a list at the top": {"- name: x\n", []string{
			"line 1: a list stands here; write fields, such as services"}},
		"a word": {"services\n", []string{`line 1: "services" stands here; write fields, such as services`}},
		"an empty mapping": {"{}\n", []string{
			`line 1: the field services is missing; write "services: []" if there is nothing to add`}},
		"a field mistyped": {"\nservice: []\n", []string{`line 2: there is no field "service"; write services`}},
		"a field too many": {"services: []\nkind: Catalogue\n", []string{
			`line 2: there is no field "kind"; remove it, the fields are services`}},
		"the list twice": {"services: []\nservices: []\n", []string{
			"line 2: services: the field is given twice; keep one"}},
		"no list": {"services:\n", []string{
			"line 1: services: nothing stands here; write a list, in brackets or one item a line after a dash"}},
		"a mapping for a list": {"services: {x: y}\n", []string{
			"line 1: services: a mapping stands here; write a list, in brackets or one item a line after a dash"}},
		"two documents": {"services: []\n---\nservices: []\n", []string{
			"line 2: a second document begins here; write all services into one list"}},
		"a broken second document": {"services: []\n---\n[", []string{
			"reading YAML: yaml: line 3: did not find expected node content"}},
		"an alias": {"services: [&a {}, *a]", []string{
			`line 1: services[0]: the field name is missing; write one, such as name: pump-telemetry`,
			`line 1: services[0]: the field endpoints is missing; write one, such as endpoints: ` +
				`[{protocol: TCP, ports: [6661]}]`,
			"line 1: services[1]: an alias (*a), which is not read, stands here; write fields, such as " +
				"callBack, carriesPHI, dangerous, encrypted, endpoints, name, note, source, title"}},
		"an unknown anchor": {"services: *a", []string{"reading YAML: yaml: unknown anchor 'a' referenced"}},
	})
}

func TestMistakesInAnEntryAreNamed(t *testing.T) {
	t.Parallel()
	const good = "  endpoints: [{protocol: TCP, ports: [1]}]\n"
	file := func(lines string) string { return "services:\n" + lines + good }
	check(t, map[string]mistake{
		"the name is missing": {file("- title: X\n"), []string{
			"line 2: services[0]: the field name is missing; write one, such as name: pump-telemetry"}},
		"the name is mistyped": {file("- naem: x\n"), []string{
			`line 2: services[0]: there is no field "naem"; write name`}},
		"the name has capitals": {file("- name: Lab_ASTM\n"), []string{
			`line 2: services[0] "Lab_ASTM" name: "Lab_ASTM" is not a name; write at most 63 lower-case ` +
				`letters, digits and dashes, such as lab-astm`}},
		"the name has no letters": {file("- name: '***'\n"), []string{
			`line 2: services[0] "***" name: "***" is not a name; write at most 63 lower-case ` +
				`letters, digits and dashes, such as pump-telemetry`}},
		"the name is too long": {file("- name: " + strings.Repeat("a", 64) + "\n"), []string{fmt.Sprintf(
			`line 2: services[0] "%[1]s" name: "%[1]s" is not a name; write at most 63 lower-case `+
				`letters, digits and dashes, such as %[2]s`, strings.Repeat("a", 64), strings.Repeat("a", 63))}},
		"the name is a number": {file("- name: 104\n"), []string{
			`line 2: services[0] "104" name: "104" is not read as text; put it in quotation marks`}},
		"the name is a list": {file("- name: [x]\n"), []string{
			`line 2: services[0] name: a list stands here; write a text`}},
		"the name is given twice": {file("- name: x\n  name: y\n"), []string{
			`line 3: services[0] "x" name: the field is given twice; keep one`}},
		"the name is that of another": {"services:\n- name: x\n" + good + "- name: x\n" + good, []string{
			`line 4: services[1] "x": line 2 has a service of this name; keep one of them`}},
		"the endpoints are missing": {"services:\n- name: x\n", []string{
			`line 2: services[0] "x": the field endpoints is missing; write one, such as endpoints: ` +
				`[{protocol: TCP, ports: [6661]}]`}},
		"ports outside an endpoint": {file("- name: x\n  port: 104\n"), []string{
			`line 3: services[0] "x": there is no field "port"; write it into an endpoint, as in endpoints: ` +
				`[{protocol: TCP, ports: [6661]}]`}},
		"a field in other letters": {file("- name: x\n  carriesPhi: true\n"), []string{
			`line 3: services[0] "x": there is no field "carriesPhi"; write carriesPHI`}},
		"a field of another world": {file("- name: x\n  colour: red\n"), []string{
			`line 3: services[0] "x": there is no field "colour"; remove it, the fields are ` +
				`callBack, carriesPHI, dangerous, encrypted, endpoints, name, note, source, title`}},
		"a field that is a list": {file("- name: x\n  ? [a]\n  : b\n"), []string{
			`line 3: services[0] "x": a list stands where a field name belongs; the fields are ` +
				`callBack, carriesPHI, dangerous, encrypted, endpoints, name, note, source, title`}},
		"a merge key": {file("- name: x\n  <<: {title: y}\n"), []string{
			`line 3: services[0] "x": merge keys are not read; write the fields out`}},
		"no boolean": {file("- name: x\n  encrypted: yes\n"), []string{
			`line 3: services[0] "x" encrypted: "yes" stands here; write true or false`}},
		"an empty boolean": {file("- name: x\n  dangerous:\n"), []string{
			`line 3: services[0] "x" dangerous: nothing stands here; write true or false`}},
		"an empty text": {file("- name: x\n  note:\n"), []string{
			`line 3: services[0] "x" note: the text is empty; write one or remove the field`}},
		"a text of two lines": {file("- name: x\n  note: |\n    one\n    two\n"), []string{
			`line 3: services[0] "x" note: the text has line breaks or characters that cannot be seen; ` +
				`write it on one plain line`}},
		"a text that turns round": {file("- name: x\n  note: \"\\u202eabc\"\n"), []string{
			`line 3: services[0] "x" note: the text has line breaks or characters that cannot be seen; ` +
				`write it on one plain line`}},
		"a text without end": {file("- name: x\n  note: " + strings.Repeat("ä", 513) + "\n"), []string{
			`line 3: services[0] "x" note: the text has 513 characters; write at most 512`}},
	})
}

func TestMistakesInAnEndpointAreNamed(t *testing.T) {
	t.Parallel()
	file := func(endpoints string) string { return "services: [{name: x, endpoints: " + endpoints + "}]" }
	const at = `line 1: services[0] "x" endpoints`
	const notPort = `is not a port; write a number from 1 to 65535, or a range such as "2000-2010"`
	const noPort = `is not a port; write a number such as 104 or a range such as "2000-2010"`
	check(t, map[string]mistake{
		"no endpoint": {file("[]"), []string{
			at + ": the list is empty; write an endpoint, such as {protocol: TCP, ports: [6661]}"}},
		"not a list": {file("TCP"), []string{
			at + `: "TCP" stands here; write a list, in brackets or one item a line after a dash`}},
		"not a mapping": {file("[TCP]"), []string{
			at + `[0]: "TCP" stands here; write fields, such as icmpTypes, ports, protocol`}},
		"five of them": {file("[{}, {}, {}, {}, {}]"), []string{
			at + ": there are 5 items; at most 4 fit, use ranges or a second service"}},
		"no protocol": {file("[{ports: [1]}]"), []string{
			at + "[0]: the field protocol is missing; write one of TCP, UDP, SCTP, ICMP"}},
		"small letters": {file("[{protocol: tcp, ports: [1]}]"), []string{
			at + `[0] protocol: there is no protocol "tcp"; write TCP`}},
		"a typing error": {file("[{protocol: SCPT, ports: [1]}]"), []string{
			at + `[0] protocol: there is no protocol "SCPT"; write SCTP`}},
		"another protocol": {file("[{protocol: GRE, ports: [1]}]"), []string{
			at + `[0] protocol: there is no protocol "GRE"; write one of TCP, UDP, SCTP, ICMP`}},
		"a protocol twice": {file("[{protocol: TCP, ports: [1]}, {protocol: TCP, ports: [2]}]"), []string{
			at + "[1]: TCP has an endpoint already; write all its ports into one"}},
		"no ports": {file("[{protocol: TCP}]"), []string{at + "[0]: the field ports is missing; TCP needs it"}},
		"an empty list": {file("[{protocol: TCP, ports: []}]"), []string{
			at + "[0] ports: the list is empty; write what the responder listens on, such as [104]"}},
		"a bare port": {file("[{protocol: TCP, ports: 104}]"), []string{
			at + `[0] ports: "104" stands here; write a list, in brackets or one item a line after a dash`}},
		"types with TCP": {file("[{protocol: TCP, ports: [1], icmpTypes: [8]}]"), []string{
			at + "[0]: TCP has no icmpTypes; remove the field"}},
		"ports with ICMP": {file("[{protocol: ICMP, ports: [1]}]"), []string{
			at + "[0]: the field icmpTypes is missing; ICMP needs it", at + "[0]: ICMP has no ports; remove the field"}},
		"port 0": {file("[{protocol: TCP, ports: [0]}]"), []string{at + `[0] ports[0]: "0" ` + notPort}},
		"port 65536": {file("[{protocol: TCP, ports: [1, 65536]}]"), []string{
			at + `[0] ports[1]: "65536" ` + notPort}},
		"a negative port": {file("[{protocol: TCP, ports: [-1]}]"), []string{at + `[0] ports[0]: "-1" ` + notPort}},
		"an octal port":   {file("[{protocol: TCP, ports: [0104]}]"), []string{at + `[0] ports[0]: "0104" ` + notPort}},
		"a hex port":      {file("[{protocol: TCP, ports: [0x68]}]"), []string{at + `[0] ports[0]: "0x68" ` + notPort}},
		"an endless port": {file("[{protocol: TCP, ports: [" + strings.Repeat("9", 99) + "]}]"), []string{
			at + `[0] ports[0]: "` + strings.Repeat("9", 64) + `..." ` + noPort}},
		"a name":         {file("[{protocol: TCP, ports: [dicom]}]"), []string{at + `[0] ports[0]: "dicom" ` + notPort}},
		"half a range":   {file("[{protocol: TCP, ports: ['1-']}]"), []string{at + `[0] ports[0]: "1-" ` + notPort}},
		"a double range": {file("[{protocol: TCP, ports: [1-2-3]}]"), []string{at + `[0] ports[0]: "1-2-3" ` + notPort}},
		"a reversed range": {file("[{protocol: TCP, ports: [9-1]}]"), []string{
			at + `[0] ports[0]: the range "9-1" ends before it begins; write "1-9"`}},
		"half a port": {file("[{protocol: TCP, ports: [1.5]}]"), []string{at + `[0] ports[0]: "1.5" ` + noPort}},
		"no port":     {file("[{protocol: TCP, ports: [~]}]"), []string{at + `[0] ports[0]: nothing ` + noPort}},
		"a list for a port": {file("[{protocol: TCP, ports: [[1]]}]"), []string{
			at + `[0] ports[0]: a list ` + noPort}},
		"33 ports": {file("[{protocol: TCP, ports: [" + strings.Repeat("1,", 33) + "]}]"), []string{
			at + "[0] ports: there are 33 items; at most 32 fit, use ranges or a second service"}},
	})
}

func TestMistakesInICMPTypesAreNamed(t *testing.T) {
	t.Parallel()
	file := func(endpoints string) string { return "services: [{name: x, endpoints: " + endpoints + "}]" }
	const at = `line 1: services[0] "x" endpoints`
	check(t, map[string]mistake{
		"type 256": {file("[{protocol: ICMP, icmpTypes: [256]}]"), []string{
			at + `[0] icmpTypes[0]: "256" is not an ICMP type; write a number from 0 to 255, such as 8`}},
		"a named type": {file("[{protocol: ICMP, icmpTypes: [echo]}]"), []string{
			at + `[0] icmpTypes[0]: "echo" is not an ICMP type; write a number from 0 to 255, such as 8`}},
		"a quoted type": {file("[{protocol: ICMP, icmpTypes: ['8']}]"), []string{
			at + `[0] icmpTypes[0]: "8" is not an ICMP type; write a number from 0 to 255, such as 8`}},
		"no type": {file("[{protocol: ICMP, icmpTypes: []}]"), []string{
			at + "[0] icmpTypes: the list is empty; write what the responder listens on, such as [8, 128]"}},
	})
}

func TestManyMistakesAreNotAllListed(t *testing.T) {
	t.Parallel()
	_, err := small(t).With([]byte("services: [" + strings.Repeat("x,", 50) + "]"))
	lines := strings.Split(message(err), "\n")
	if len(lines) != maxComplaints+1 || lines[maxComplaints] != "there may be more; mend these first" {
		t.Errorf("%d lines, the last is %q", len(lines), lines[len(lines)-1])
	}
}

func TestValuesInMessagesAreClipped(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ä", 64)
	for value, want := range map[string]string{
		"":                                `""`,
		"short":                           `"short"`,
		long:                              `"` + long + `"`,
		long + "ä":                        `"` + long + `..."`,
		strings.Repeat("x", 1<<20):        `"` + strings.Repeat("x", 64) + `..."`,
		"a\nb\x1b[31m":                    `"a\nb\x1b[31m"`,
		strings.Repeat("\U0001f600", 300): `"` + strings.Repeat("\U0001f600", 64) + `..."`,
	} {
		if got := quote(value); got != want {
			t.Errorf("quote(%.20q) = %s, want %s", value, got, want)
		}
	}
}

func TestARefusedNameSuggestsAGoodOne(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"Lab ASTM": "lab-astm", "-x-": "x", "Röntgen": "r-ntgen", "": "pump-telemetry", "日本": "pump-telemetry",
		strings.Repeat("A", 200): strings.Repeat("a", 63), "a.b/c": "a-b-c",
	} {
		got := label(name)
		if got != want || len(validation.IsDNS1123Label(got)) > 0 {
			t.Errorf("label(%q) = %q, want %q", name, got, want)
		}
	}
}
