package bmc

import (
	"context"
	"slices"

	"github.com/metalwright/metalwright/internal/bmc/redfish"
)

// openedBeside writes a session down that was opened beside that of the conn, so that it outlives a process that is killed.
func (c *conn) openedBeside(uri string, _ []string) {
	c.mu.Lock()
	c.beside = append(c.beside, uri)
	c.mu.Unlock()
	c.keepOpen()
}

// end closes a session of its own. One that cannot be closed now, because the BMC has gone, is left to the conn.
func (c *conn) end(ctx context.Context, own *redfish.Client) error {
	uri := own.SessionURI()
	err := own.Close(context.WithoutCancel(ctx))
	if err == nil {
		c.mu.Lock()
		c.beside = slices.DeleteFunc(c.beside, func(s string) bool { return s == uri })
		c.mu.Unlock()
		c.keepOpen()
	}
	return err
}

// keepOpen writes down everything that is open.
func (c *conn) keepOpen() {
	if c.keep == nil || c.core == nil {
		return
	}
	c.mu.Lock()
	open := slices.Clone(c.beside)
	c.mu.Unlock()
	if s := c.core.SessionURI(); s != "" {
		open = append([]string{s}, open...)
	}
	c.keep(open...)
}

// sweep deletes what was opened beside and could not be closed, and gives what is still left. Call it before the conn's own session is
// closed.
func (c *conn) sweep(ctx context.Context) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.beside = slices.DeleteFunc(c.beside, func(uri string) bool {
		_, err := c.rf.Delete(ctx, uri)
		return err == nil || redfish.IsNotFound(err)
	})
	return slices.Clone(c.beside)
}
