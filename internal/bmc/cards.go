package bmc

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/step"
)

// cardsWithin bounds the wait for BlueFields after standby power was cut: their systems start within a few minutes (R63).
const cardsWithin = 15 * time.Minute

// cardsUp waits until every BlueField that works as a computer has started. A host that starts before its card finds no network
// behind it, and some never leave POST (R63). One in NIC mode never starts and is not waited for (R64); one that does not tell how
// far it is, neither.
func (d *Driver) cardsUp(ctx context.Context) error {
	for waited := time.Duration(0); ; waited += d.paced(usualPace * 5) {
		late, err := d.lateCard(ctx)
		if err != nil && ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil && late == "" {
			return nil
		}
		if waited > d.paced(cardsWithin) {
			if err != nil {
				return err
			}
			return step.Fail(step.HardwareBad, errors.New("BlueField "+late+" has not started since standby power was cut"),
				"The host is left off. Look at the card; when it has started, run the same command again.")
		}
		if err := d.pause(ctx, 5); err != nil {
			return err
		}
	}
}

// lateCard is the id of a BlueField that has still to start, or "".
func (d *Driver) lateCard(ctx context.Context) (string, error) {
	l, err := d.layout(ctx)
	if err != nil {
		return "", err
	}
	systems, _, err := d.c.rf.Members(ctx, l.root.Link("Systems"))
	if err != nil && !redfish.IsNotFound(err) {
		return "", err
	}
	for _, s := range systems {
		name := lastPart(s.URI)
		if !strings.EqualFold(s.Obj.Str("SystemType"), "DPU") && !strings.Contains(strings.ToLower(name), "bluefield") {
			continue
		}
		last, oem := s.Obj.Str("BootProgress", "LastState"), s.Obj.Str("BootProgress", "OemLastState")
		if last == "" || last == "OSRunning" || strings.EqualFold(oem, "OsIsRunning") {
			continue
		}
		mode := ""
		if link := s.Obj.Link("Oem", "Nvidia"); link != "" {
			if r, err := d.c.rf.Get(ctx, link); err == nil {
				mode = r.Obj.Str("Mode")
			}
		}
		if mode != "NicMode" {
			return name, nil
		}
	}
	return "", nil
}
