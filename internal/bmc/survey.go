package bmc

import (
	"context"
	"errors"

	"github.com/metalwright/metalwright/internal/bmc/inventory"
	"github.com/metalwright/metalwright/internal/rack"
)

// Survey reads what is there through the session of this driver. The error is for a BMC of which nothing can be said.
func (d *Driver) Survey(ctx context.Context, opt inventory.Options) (rack.Device, []rack.Gap, error) {
	if d.c.core == nil {
		return rack.Device{}, nil, errors.New("this driver has no client to survey with")
	}
	if opt.System == "" {
		opt.System = d.system
	}
	dev, gaps, err := inventory.Read(ctx, d.c.core, opt)
	dev.Stats = d.Stats()
	if err == nil {
		dev.BMC.Certificate = d.shown()
		err = d.addPending(ctx, &dev)
	}
	return dev, gaps, err
}
