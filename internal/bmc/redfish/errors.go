package redfish

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/metalwright/metalwright/internal/step"
)

// Kind is what went wrong with a request. The zero value is invalid.
type Kind uint8

// The kinds.
const (
	_            Kind = iota
	Answered          // the BMC answered with an error status: see Status
	Unreachable       // no connection could be made: nothing was sent
	Cut               // the connection broke before the whole answer was there
	TimedOut          // no whole answer within the deadline of its kind
	Cancelled         // the caller gave up
	Malformed         // the answer is not a JSON object
	TooLarge          // the answer passes the size or depth limit
	Untrusted         // the certificate is not trusted; nothing was sent
	LoginRefused      // user name or password are refused; see Attempts
	ForeignLink       // a link leaves this BMC, or cannot be read
	Forbidden         // refused by this client: closed, or no login is given
)

// ErrSentUnknown marks a request that may have acted although no answer came. It must not be repeated before the device
// was read; after a push, look for a new task first.
var ErrSentUnknown = errors.New("the request was sent and no answer came: it may have acted")

// ErrMoved marks a write that was refused because the resource is no longer as planned.
var ErrMoved = errors.New("the resource is no longer as it was when this was planned")

// Error is why a request failed. It unwraps to a *step.Failure with the engine's failure class, and holds no secret.
type Error struct {
	Kind       Kind
	Method     string
	URI        string
	Status     int      // of an answer, else 0
	MessageIDs []string // of its ExtendedInfo
	Message    string   // what the BMC says, redacted and shortened
	RetryAfter time.Duration
	Err        error // cause, or nil
}

// Error names the request, the status and what the BMC said.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s: ", strings.ToLower(e.Method), e.URI)
	if e.Status != 0 {
		fmt.Fprintf(&b, "status %d", e.Status)
		if t := http.StatusText(e.Status); t != "" {
			b.WriteString(" " + t)
		}
		if e.Message != "" || e.Err != nil {
			b.WriteString(": ")
		}
	}
	b.WriteString(e.Message)
	if e.Err != nil {
		if e.Message != "" {
			b.WriteString(": ")
		}
		b.WriteString(e.Err.Error())
	}
	if len(e.MessageIDs) > 0 {
		fmt.Fprintf(&b, " (%s)", strings.Join(e.MessageIDs, ", "))
	}
	return b.String()
}

// Unwrap gives the failure class as a *step.Failure, and below it the cause.
func (e *Error) Unwrap() error {
	cause := e.Err
	if cause == nil {
		cause = errors.New(e.Message)
	}
	return &step.Failure{Class: e.Class(), Err: cause, Advice: e.advice(), Messages: e.MessageIDs}
}

// Class gives the engine's failure class.
func (e *Error) Class() step.Class {
	if errors.Is(e.Err, ErrSentUnknown) {
		return step.Transient
	}
	switch e.Kind {
	case Unreachable, TimedOut:
		return step.Unreachable
	case Cut, Cancelled, TooLarge:
		return step.Transient
	case Untrusted:
		return step.Trust
	case LoginRefused:
		return step.Auth
	case Malformed:
		if e.Status >= 500 {
			return step.Transient
		}
		return step.Rejected
	case ForeignLink:
		return step.Rejected
	case Forbidden: // a credential that could not be had knows best why
		var f *step.Failure
		if errors.As(e.Err, &f) {
			return f.Class
		}
		return step.Rejected
	}
	if errors.Is(e.Err, ErrMoved) {
		return step.HasMoved
	}
	switch {
	case e.Status == http.StatusUnauthorized, e.Status == http.StatusForbidden && !e.busy():
		return step.Auth
	case e.Status == http.StatusMethodNotAllowed, e.Status == http.StatusNotImplemented:
		return step.Unsupported
	case e.Status >= 500, e.Status == http.StatusTooManyRequests, e.Status == http.StatusRequestTimeout, e.busy():
		return step.Transient
	}
	return step.Rejected
}

// busyMessages are the endings of MessageIds that say "not now": the same request may work later (R7, R8, R14, R37).
var busyMessages = []string{
	"UnableToModifyDuringSystemPOST", "ResourceInUse", "ServiceTemporarilyUnavailable", "ResourceNotReady",
	"ServiceShuttingDown", "SessionLimitExceeded", "ResourceInStandby", "ResourceExhaustion", "UpdateInProgress",
	"ServiceInUnknownState", "GeneralErrorServiceBusy", "PowerStateTransition", "IloResetInProgress",
}

func (e *Error) busy() bool {
	for _, id := range e.MessageIDs {
		for _, b := range busyMessages {
			if strings.EqualFold(id[strings.LastIndexByte(id, '.')+1:], b) {
				return true
			}
		}
	}
	return false
}

func (e *Error) advice() string {
	var u *UntrustedError
	if errors.As(e.Err, &u) {
		return u.advice()
	}
	if errors.Is(e.Err, ErrSentUnknown) {
		return "Nothing was repeated. The next run reads the device first and goes on from what it finds."
	}
	if a := step.AdviceOf(e.Err); a != "" {
		return a
	}
	if a := adviceOfKind[e.Kind]; a != "" {
		return a
	}
	switch {
	case e.hasMessage("PasswordChangeRequired"):
		return "The BMC wants its password changed before anything else: give it account { … } and run metalwright rotate, or change it by hand."
	case e.Status == http.StatusUnauthorized, e.Status == http.StatusForbidden:
		return "Check the account and its privileges on the BMC."
	case e.Class() == step.Transient:
		return "The BMC is busy or restarting; try again in a few minutes. If it stays so, restart the BMC."
	}
	return ""
}

var adviceOfKind = map[Kind]string{
	Unreachable: "Check the address, the cable and the management network, and that nothing filters the port.",
	TimedOut:    "The BMC may be busy or restarting; try again in a few minutes.",
	Cut:         "The BMC closed the connection; it may be restarting. Try again in a few minutes.",
	Malformed:   "What answers is not a Redfish service, or it is still starting. Check the address, then try again.",
	TooLarge:    "The answer is larger or deeper than any resource should be; the BMC may be faulty.",
	LoginRefused: "Check the user name and the password reference. No third try is made, so that the account is not " +
		"locked; wait for the BMC's lock-out time before running again.",
}

func (e *Error) hasMessage(suffix string) bool {
	for _, id := range e.MessageIDs {
		if strings.HasSuffix(strings.ToLower(id), strings.ToLower(suffix)) {
			return true
		}
	}
	return false
}

// IsNotFound tells whether the BMC says that the resource does not exist.
func IsNotFound(err error) bool {
	var e *Error
	return errors.As(err, &e) && (e.Status == http.StatusNotFound || e.Status == http.StatusGone)
}

// IsAuth tells whether the login was refused, or the account may not do this.
func IsAuth(err error) bool { return classIs(err, step.Auth) }

// IsTransient tells whether the same request may work later.
func IsTransient(err error) bool { return classIs(err, step.Transient) }

// IsUnreachable tells whether no answer came at all.
func IsUnreachable(err error) bool { return classIs(err, step.Unreachable) }

// NoAnswer tells whether there was no connection, or a read got no answer of any kind: none in time, or one that broke. A request
// that may have acted is not meant.
func NoAnswer(err error) bool {
	var e *Error
	if !errors.As(err, &e) || e.Status != 0 {
		return false
	}
	return e.Kind == Unreachable || e.Method == http.MethodGet && (e.Kind == TimedOut || e.Kind == Cut)
}

// IsUntrusted tells whether the certificate was refused.
func IsUntrusted(err error) bool { return classIs(err, step.Trust) }

// IsUnsupported tells whether this BMC cannot do what was asked.
func IsUnsupported(err error) bool { return classIs(err, step.Unsupported) }

// IsMoved tells whether a write was refused because the resource had changed.
func IsMoved(err error) bool { return errors.Is(err, ErrMoved) }

// IsSentUnknown tells whether the request may have acted although no answer came.
func IsSentUnknown(err error) bool { return errors.Is(err, ErrSentUnknown) }

// IsMalformed tells whether the answer was not a JSON object, or passed a limit.
func IsMalformed(err error) bool {
	var e *Error
	return errors.As(err, &e) && (e.Kind == Malformed || e.Kind == TooLarge)
}

// IsCancelled tells whether the caller gave up.
func IsCancelled(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Kind == Cancelled || errors.Is(err, context.Canceled)
}

func classIs(err error, c step.Class) bool { return err != nil && step.ClassOf(err) == c }

// Message is one entry of a Redfish ExtendedInfo or Messages array.
type Message struct {
	ID       string
	Text     string
	Severity string
	Args     []string
}

// Messages collects the messages of a body, wherever Redfish puts them: error/@Message.ExtendedInfo (a list, or one object:
// R44), @Message.ExtendedInfo, Messages, and those of single properties.
func Messages(o Object) []Message {
	var raw []Object
	raw = append(raw, o.Objs("error", "@Message.ExtendedInfo")...)
	raw = append(raw, o.Objs("@Message.ExtendedInfo")...)
	raw = append(raw, o.Objs("Messages")...)
	var out []Message
	for _, m := range raw {
		x := Message{ID: m.Str("MessageId"), Text: m.Str("Message"), Severity: m.Str("MessageSeverity"), Args: m.Strs("MessageArgs")}
		if x.ID == "" {
			x.ID = m.Str("MessageID")
		}
		if x.Severity == "" {
			x.Severity = m.Str("Severity")
		}
		if x.ID != "" || x.Text != "" {
			out = append(out, x)
		}
	}
	if len(out) == 0 && (o.Str("error", "code") != "" || o.Str("error", "message") != "") {
		out = append(out, Message{ID: o.Str("error", "code"), Text: o.Str("error", "message")})
	}
	return out
}

// IsSuccess tells whether the message only says that all went well.
func (m Message) IsSuccess() bool {
	switch strings.ToLower(m.ID[strings.LastIndexByte(m.ID, '.')+1:]) {
	case "success", "noerror", "created", "accountmodified", "resetrequired", "systemresetrequired", "sys413":
		return true
	}
	return false
}
