package step

// The kinds for local storage beside volume and erase. None of them is made real by a reset of its own.
//
// What Expect and Want hold:
//
//	volume_set        read_cache, write_cache: Redfish's words, of a volume that exists
//	volume_init       name, method: "Fast" | "Slow"; only of a volume that the same plan makes, or that somebody consented to lose
//	spare             serial, spare: "None" | "Global" | "Dedicated", volume: its name when dedicated
//	foreign           foreign: "imported" | "cleared"; Expect: drives: [serial …] that hold the configuration
//	controller_reset  volumes: []; Expect: volumes: [name …]; nothing else may be there when it is done
//	controller_key    key_id; Expect: key_id: ""; the key itself is behind Args.Secret
//	namespace         name, drive: serial, capacity_bytes, lba_bytes when told; Expect: exists: false. To delete: Want: exists: false
const (
	VolumeSet       Kind = "volume_set"
	VolumeInit      Kind = "volume_init"
	Spare           Kind = "spare"
	Foreign         Kind = "foreign"
	ControllerReset Kind = "controller_reset"
	ControllerKey   Kind = "controller_key"
	Namespace       Kind = "namespace"
)

// OfStorage tells whether a kind changes what a storage controller keeps.
func OfStorage(k Kind) bool {
	switch k {
	case Volume, VolumeSet, VolumeInit, Spare, Foreign, ControllerReset, ControllerKey, Namespace, Erase:
		return true
	default:
		return false
	}
}

// LosesData tells whether a step makes data unreadable that may be on a drive: it erases, deletes a volume or namespace, or throws a
// foreign configuration or a controller's own away. A volume that is initialised is one that the same plan makes.
func (s Step) LosesData() bool {
	switch s.Kind {
	case Erase, ControllerReset:
		return true
	case Volume, Namespace:
		return s.Want["exists"] == false
	case Foreign:
		return s.Want["foreign"] != "imported"
	default:
		return false
	}
}
