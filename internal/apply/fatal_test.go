package apply

import (
	"context"
	"errors"
	"testing"

	"github.com/metalwright/metalwright/internal/plan"
)

// TestFatalIsNoSoftStop: at no moment of a fatal end does the run look as if it had only been asked to stop: what is cut off
// because its lease was broken would be told as left on purpose, and without an error.
func TestFatalIsNoSoftStop(t *testing.T) {
	r := newRun(t.Context(), Request{}.withDefaults(), begun{plan: plan.Plan{}})
	defer r.cancel()
	cause := errors.New("the lease was broken")
	stop := r.stop
	r.stop = func(err error) {
		if stop(err); context.Cause(r.hard) == nil {
			t.Error("stopped softly before it was stopped at once")
		}
	}
	r.fatal(cause)
	r.stop = stop
	if soft, hard := context.Cause(r.soft), context.Cause(r.hard); !errors.Is(soft, cause) || !errors.Is(hard, cause) {
		t.Errorf("soft %v, hard %v", soft, hard)
	}
}
