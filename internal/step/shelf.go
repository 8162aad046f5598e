package step

// ShelfPower switches or cycles the rails of a power shelf: everything that hangs on them and on no other shelf loses its power.
//
//	Expect  power_state: as seen
//	Want    power_state: "On" | "Off", or cycled: true
//	Args    Path: the chassis of the shelf
const ShelfPower Kind = "shelf_power"
