package cli

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/metalwright/metalwright/internal/step"
)

// storageLine says what one storage step beside volume and erase changes.
func storageLine(s step.Step) string {
	switch s.Kind {
	case step.VolumeSet:
		var parts []string
		for _, k := range slices.Sorted(maps.Keys(s.Want)) {
			parts = append(parts, fmt.Sprintf("%s %v -> %v", k, word(s.Expect[k]), word(s.Want[k])))
		}
		return fmt.Sprintf("~ volume %s %s", s.Args.Component, strings.Join(parts, ", "))
	case step.VolumeInit:
		return fmt.Sprintf("~ volume %v, initialised %v", word(s.Want["name"]), word(s.Want["method"]))
	case step.Spare:
		switch s.Want["spare"] {
		case "None":
			return fmt.Sprintf("- hot spare %v (%v)", word(s.Want["serial"]), word(s.Expect["spare"]))
		case "Dedicated":
			return fmt.Sprintf("+ hot spare %v of volume %v", word(s.Want["serial"]), word(s.Want["volume"]))
		}
		return fmt.Sprintf("+ hot spare %v (%v)", word(s.Want["serial"]), word(s.Want["spare"]))
	case step.Foreign:
		if s.Want["foreign"] == "cleared" {
			return fmt.Sprintf("- foreign configuration of %v on %s (its volumes are lost)", word(s.Expect["drives"]), s.Args.Component)
		}
		return fmt.Sprintf("~ foreign configuration of %v on %s, imported", word(s.Expect["drives"]), s.Args.Component)
	case step.ControllerReset:
		return fmt.Sprintf("- everything on controller %s: volumes %v (their data is lost)", s.Args.Component, word(s.Expect["volumes"]))
	case step.ControllerKey:
		return fmt.Sprintf("+ key %v of controller %s", word(s.Want["key_id"]), s.Args.Component)
	default: // a namespace
		if s.Want["exists"] == false {
			return fmt.Sprintf("- namespace %v (its data is lost)", word(s.Want["name"]))
		}
		return fmt.Sprintf("+ namespace %v on drive %v", word(s.Want["name"]), word(s.Want["drive"]))
	}
}
