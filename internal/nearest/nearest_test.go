package nearest

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestTheNearestNameIsFound(t *testing.T) {
	t.Parallel()
	services := []string{
		"bd-alaris-sm", "dicom", "dicom-tls", "dicomweb", "dns", "fhir", "ftp", "hl7-mllp", "hl7-mllp-tls",
		"https", "http", "ntp", "ping", "smb", "syslog", "syslog-tls",
	}
	zones := []string{"corporate", "guest", "imaging-a", "imaging-b", "infusion", "laboratory", "monitoring"}
	for name, tc := range map[string]struct {
		got        string
		candidates []string
		want       string
	}{
		"a letter is missing":            {"dcom", services, "dicom"},
		"a letter is doubled":            {"diccom", services, "dicom"},
		"two letters are swapped":        {"infusoin", zones, "infusion"},
		"a letter is wrong":              {"laboretory", zones, "laboratory"},
		"two letters are wrong":          {"labaretory", zones, "laboratory"},
		"the case is wrong":              {"DICOM", services, "dicom"},
		"an underscore for a dash":       {"hl7_mllp", services, "hl7-mllp"},
		"a dot for a dash":               {"hl7.mllp", services, "hl7-mllp"},
		"the dash is missing":            {"hl7mllptls", services, "hl7-mllp-tls"},
		"a dash too many":                {"dicom-web", services, "dicomweb"},
		"short names allow one edit":     {"dsn", services, "dns"},
		"short names allow no two edits": {"xyz", services, ""},
		"the exact name":                 {"dicom", services, "dicom"},
		"the exact name beats its twins": {"ab-cd", []string{"a-bcd", "ab.cd", "ab-cd", "abcd"}, "ab-cd"},
		"ties are broken by alphabet":    {"imaging", zones, "imaging-a"},
		"camel case fields":              {"carriesPhi", []string{"callBack", "carriesPHI", "dangerous"}, "carriesPHI"},
		"a plural field":                 {"port", []string{"icmpTypes", "ports", "protocol"}, "ports"},
		"something else altogether":      {"refrigerator", zones, ""},
		"nothing was written":            {"", zones, ""},
		"only separators were written":   {"-_.", zones, ""},
		"no candidates":                  {"dicom", nil, ""},
		"an empty candidate":             {"d", []string{""}, ""},
		"one letter is never near":       {"a", []string{"b"}, ""},
		"two letters are never near":     {"ab", []string{"ac"}, ""},
		"letters beyond ASCII":           {"rontgen", []string{"röntgen"}, "röntgen"},
		"bytes that are no letters":      {"\xff\xfe", []string{"dns"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := Name(tc.got, tc.candidates); got != tc.want {
				t.Errorf("Name(%q) = %q, want %q", tc.got, got, tc.want)
			}
		})
	}
}

func TestTheOrderOfTheCandidatesDoesNotMatter(t *testing.T) {
	t.Parallel()
	candidates := []string{"ward-1", "ward-2", "ward-3", "ward_1", "Ward-1", "word-1", "wand-1"}
	random := rand.New(rand.NewPCG(1, 2))
	for _, got := range []string{"ward", "ward-4", "wrd-1", "WARD-1", "wald-1"} {
		want := Name(got, candidates)
		if want == "" {
			t.Fatalf("Name(%q) found nothing", got)
		}
		for range 50 {
			shuffled := slices.Clone(candidates)
			random.Shuffle(len(shuffled), func(i, j int) {
				shuffled[i], shuffled[j] = shuffled[j], shuffled[i]
			})
			if again := Name(got, shuffled); again != want {
				t.Fatalf("Name(%q, %q) = %q, want %q", got, shuffled, again, want)
			}
		}
	}
}

func TestTheCandidatesAreNotModified(t *testing.T) {
	t.Parallel()
	candidates := []string{"b-B", "a.A"}
	Name("bb", candidates)
	if !slices.Equal(candidates, []string{"b-B", "a.A"}) {
		t.Errorf("candidates became %q", candidates)
	}
}

func TestTheDistanceIsThatOfTheTextbook(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		a, b string
		want int
	}{
		"both empty":          {"", "", 0},
		"one empty":           {"", "abc", 3},
		"equal":               {"abc", "abc", 0},
		"substitutions":       {"kitten", "sitting", 3},
		"a swap is one edit":  {"ab", "ba", 1},
		"two swaps":           {"abcd", "badc", 2},
		"no edit in a swap":   {"ca", "abc", 3},
		"an insertion inside": {"ward", "wa-rd", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := distance([]rune(tc.a), []rune(tc.b)); got != tc.want {
				t.Errorf("distance(%q, %q) = %d, want %d", tc.a, tc.b, got, tc.want)
			}
		})
	}
}

func TestHostileLengthsCostNothing(t *testing.T) {
	t.Parallel()
	huge := strings.Repeat("a", 10<<20)
	candidates := make([]string, 1000)
	for i := range candidates {
		candidates[i] = huge
	}
	start := time.Now()
	if got := Name(huge, []string{huge, "dicom"}); got != "" {
		t.Errorf("a huge name was compared")
	}
	if got := Name("dcom", append(candidates, "dicom")); got != "dicom" {
		t.Errorf("Name among huge candidates = %q, want dicom", got)
	}
	if took := time.Since(start); took > time.Minute {
		t.Errorf("it took %s", took)
	}
}

func TestTheLongestNameIsStillCompared(t *testing.T) {
	t.Parallel()
	longest := strings.Repeat("a", maxLength)
	if got := Name(longest, []string{longest}); got != longest {
		t.Errorf("a name of %d characters was not compared", maxLength)
	}
	if got := Name(longest+"a", []string{longest}); got != "" {
		t.Errorf("a name of %d characters was compared", maxLength+1)
	}
}

func FuzzName(f *testing.F) {
	f.Add("dcom", "dicom", "dicom-tls")
	f.Add("", "", "-")
	f.Add("İ", "i̇", "ß")
	f.Add("\xff", "\xff", "\x00")
	f.Fuzz(func(t *testing.T, got, a, b string) {
		name := Name(got, []string{a, b})
		if name != "" && name != a && name != b {
			t.Fatalf("Name(%q, %q, %q) = %q, which is no candidate", got, a, b, name)
		}
		if other := Name(got, []string{b, a}); other != name {
			t.Fatalf("Name(%q) depends on the order of %q and %q: %q, %q", got, a, b, name, other)
		}
		_, short := newSpelling(got)
		short = short && utf8.ValidString(got) && utf8.ValidString(a)
		if short && Name(got, []string{a, got}) != got {
			t.Fatalf("Name(%q) does not find the name itself beside %q", got, a)
		}
		checkDistance(t, []rune(a), []rune(b))
	})
}

// checkDistance asserts what makes a distance.
func checkDistance(t *testing.T, a, b []rune) {
	t.Helper()
	if len(a) > maxLength || len(b) > maxLength {
		return
	}
	d := distance(a, b)
	if d != distance(b, a) || (d == 0) != slices.Equal(a, b) || d > max(len(a), len(b)) {
		t.Fatalf("distance(%q, %q) = %d is no distance", string(a), string(b), d)
	}
}

func BenchmarkName(b *testing.B) {
	candidates := make([]string, 2000)
	for i := range candidates {
		candidates[i] = strings.Repeat("ward-", 12) + string(rune('a'+i%26))
	}
	for b.Loop() {
		Name(strings.Repeat("wrad-", 12)+"a", candidates)
	}
}
