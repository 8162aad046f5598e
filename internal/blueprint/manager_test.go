package blueprint

import (
	"testing"

	"github.com/metalwright/metalwright/internal/rack"
)

// TestSettingWordsAreTheBMCBlock holds the language against the vocabulary: a word that nobody can write is none.
func TestSettingWordsAreTheBMCBlock(t *testing.T) {
	for _, w := range rack.SettingWords {
		_, written := bmcSpec.attrs[w.Name]
		if brought := w.By != "" || w.Name == "power_limit_w"; written == brought {
			t.Errorf("%s: written in bmc is %v, brought by %q", w.Name, written, w.By)
		}
		if w.By != "" && w.By != "location" {
			if _, ok := rack.SettingWordOf(w.By); !ok {
				t.Errorf("%s is brought by %s, which is no word", w.Name, w.By)
			}
		}
	}
	for _, name := range []string{"Users.2.Password", "SNMP.1.AgentCommunity", "IPMILan.1.EncryptionKey"} {
		if !secretAttribute.MatchString(name) {
			t.Errorf("%s would land in a design", name)
		}
	}
}
