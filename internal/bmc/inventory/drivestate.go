package inventory

import (
	"context"
	"slices"
	"strings"

	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/rack"
)

// sanitization maps the values of Drive.SecureErase's SanitizationType (DSP0268, Drive) to the words of a plan.
var sanitization = map[string]string{"CryptographicErase": rack.EraseCrypto, "BlockErase": rack.EraseBlock,
	"Overwrite": rack.EraseOverwrite}

// driveState reads what a drive says of itself beyond its identity; nil where nobody asked.
func (r *reader) driveState(ctx context.Context, res *redfish.Resource) *rack.DriveState {
	if !r.wants(rack.FacetDrives) && !r.wants(rack.FacetErase) {
		return nil
	}
	o := res.Obj
	s := rack.DriveState{Encryption: o.Str("EncryptionStatus"), Ability: o.Str("EncryptionAbility")}
	if h := o.Str("HotspareType"); h != "" && h != "None" {
		s.Hotspare = h
	}
	for _, raid := range []string{o.Str("Oem", "Dell", "DellPhysicalDisk", "RaidStatus"),
		o.Str("Oem", "Dell", "DellPCIeSSD", "RaidStatus")} {
		s.Foreign = s.Foreign || strings.EqualFold(raid, "Foreign")
	}
	s.Foreign = s.Foreign || s.Encryption == "Foreign"
	if r.wants(rack.FacetErase) {
		s.Erase = r.driveErase(ctx, o)
	}
	return &s
}

// driveErase reads the erase that is offered for a drive. An action that says nothing of its method has none, unless the vendor
// says what it does (Dell's SystemEraseCapability).
func (r *reader) driveErase(ctx context.Context, o redfish.Object) *rack.DriveErase {
	act := o.Obj("Actions", "#Drive.SecureErase")
	e := rack.DriveErase{Target: act.Str("target"),
		ApplyTimes: act.Strs("@Redfish.OperationApplyTimeSupport", "SupportedValues")}
	if e.Target == "" {
		return nil
	}
	values := act.Strs("SanitizationType@Redfish.AllowableValues")
	if info := act.Str("@Redfish.ActionInfo"); info != "" {
		if doc := r.get(ctx, info); doc != nil {
			for _, p := range doc.Obj.Objs("Parameters") {
				switch p.Str("Name") {
				case "SanitizationType":
					values = append(values, p.Strs("AllowableValues")...)
				case "OverwritePasses":
					e.Passes = true
				}
			}
		}
	}
	for _, v := range values {
		if m := sanitization[v]; m != "" {
			e.Methods = union(e.Methods, m)
		}
	}
	e.Named = len(e.Methods) > 0
	for _, part := range []string{"DellPCIeSSD", "DellPhysicalDisk"} {
		if !e.Named && o.Str("Oem", "Dell", part, "SystemEraseCapability") == "CryptographicErasePD" {
			e.Methods = union(e.Methods, rack.EraseCrypto)
		}
	}
	slices.Sort(e.Methods)
	return &e
}
