package inventory

import (
	"context"

	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/rack"
)

// Session reads one BMC with a client of its own and logs out at the end. It satisfies what internal/survey wants of a
// reader. Close must be called, once is enough.
type Session struct {
	Client  *redfish.Client
	Options Options
}

// Read reads the BMC.
func (s Session) Read(ctx context.Context) (rack.Device, []rack.Gap, error) {
	return Read(ctx, s.Client, s.Options)
}

// Close logs out.
func (s Session) Close(ctx context.Context) error { return s.Client.Close(ctx) }

// Stats tells what reading and closing have cost.
func (s Session) Stats() rack.Stats { return s.Client.Stats() }
