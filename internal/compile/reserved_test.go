package compile

import "testing"

func TestReservedLabelKeysAreThoseThatAreRefused(t *testing.T) {
	keys, prefixes := ReservedLabelKeys()
	if len(keys) == 0 || len(prefixes) == 0 {
		t.Fatal("none")
	}
	for _, p := range prefixes {
		keys = append(keys, p+"x")
	}
	for _, k := range keys {
		if !reservedKey(k) {
			t.Errorf("%s is listed and not refused", k)
		}
	}
	keys[0], prefixes[0] = "app", "app"
	if reservedKey("app") || reservedKey("application") {
		t.Error("a caller can change the list")
	}
}
