package bmclibx

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/bmc-toolbox/bmclib/v2/constants"
	"github.com/bmc-toolbox/bmclib/v2/providers/ipmitool"

	"github.com/metalwright/metalwright/internal/step"
)

// The limits of IPMI 2.0, in bytes (§22.28, §22.30): a longer one is refused before anything is sent.
const (
	MaxIPMIPassword = 20
	MaxIPMIUser     = 16
)

// The cipher suites that are spoken, best first (IPMI 2.0 errata 7, table 22-20): 17 is RAKP-HMAC-SHA256 and AES-CBC-128, 3 is
// the same with SHA-1. Suites without encryption or without a password are never asked for.
var cipherSuites = []string{"17", "3"}

const (
	ipmiPort    = "623"
	ipmiCall    = 40 * time.Second // of one ipmitool run: it sends each packet up to 5 times, 5 s apart
	knockTries  = 3
	knockPause  = 2 * time.Second
	maxIPMIFail = 2 // sessions that were not given, and then none is asked for: BMCs lock an account at the third
)

// IPMIVerb is what may be said to a chassis by IPMI. Nothing else is: no boot device, no log, no user, no console.
type IPMIVerb string

// The verbs.
const (
	IPMIOn    IPMIVerb = "on"
	IPMIOff   IPMIVerb = "off"   // cuts, without asking the OS
	IPMIReset IPMIVerb = "reset" // restarts the host with its power on
)

// IPMI is the second way to one BMC: IPMI 2.0 over the network by bmclib's ipmitool provider, for the power of the chassis and a
// cold reset of the BMC alone. The password goes to the child process by its environment, never by its arguments; the user name,
// which is no secret, does stand there. It is safe for concurrent use.
type IPMI struct {
	Host string // of the BMC
	Port int    // 0 = 623
	Tool string // path of ipmitool; never looked for on PATH
	// Login is asked for at each run of the tool.
	Login func(context.Context) (user, pass string, err error)

	mu     sync.Mutex
	suite  string // that this BMC was seen to take
	failed int    // sessions in a row that a BMC which answers has not given
}

// ErrNoIPMI marks that no IPMI session was to be had: nothing was sent to the chassis.
var ErrNoIPMI = errors.New("no IPMI session")

// Power reads whether the chassis has power: On or Off.
func (i *IPMI) Power(ctx context.Context) (string, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	_, state, err := i.session(ctx)
	return state, err
}

// Say does a verb. A session is asked for first, by reading the power: so a refused password costs one login, and an error that
// is no ErrNoIPMI came after the verb may have been sent.
func (i *IPMI) Say(ctx context.Context, v IPMIVerb) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	p, _, err := i.session(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, ipmiCall)
	defer cancel()
	ok, err := p.PowerSet(ctx, string(v))
	return i.said("chassis power "+string(v), ok, err)
}

// ResetBMC restarts the BMC: mc reset cold. The host goes on.
func (i *IPMI) ResetBMC(ctx context.Context) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	p, _, err := i.session(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, ipmiCall)
	defer cancel()
	ok, err := p.BmcReset(ctx, "cold")
	return i.said("mc reset cold", ok, err)
}

// ipmiTool is what of bmclib's provider is used. One is made for each call, with the password of that moment.
type ipmiTool interface {
	PowerStateGet(context.Context) (string, error)
	PowerSet(ctx context.Context, state string) (bool, error)
	BmcReset(ctx context.Context, kind string) (bool, error)
}

func (i *IPMI) said(what string, ok bool, err error) error {
	if err == nil && !ok {
		err = errors.New("it was not taken")
	}
	if err != nil {
		return step.Fail(step.Transient, fmt.Errorf("%s by IPMI: %s", what, firstLine(err.Error())), "")
	}
	return nil
}

// session gives a provider that is let in, and the power state it was let in with. It is called with mu held.
func (i *IPMI) session(ctx context.Context) (ipmiTool, string, error) {
	if i.failed >= maxIPMIFail {
		return nil, "", noIPMI(step.Auth, "its BMC answers IPMI and gave no session twice; there is no third try",
			"Check that the account may use IPMI, and that its password has 20 bytes at most.")
	}
	user, pass, err := i.credential(ctx)
	if err != nil {
		return nil, "", err
	}
	if err := i.knock(ctx); err != nil {
		return nil, "", err
	}
	suites := cipherSuites
	if i.suite != "" {
		suites = []string{i.suite}
	}
	for _, suite := range suites {
		p, err := ipmitool.New(bracketed(i.Host), user, pass, ipmitool.WithIpmitoolPath(i.Tool), ipmitool.WithPort(i.port()),
			ipmitool.WithCipherSuite(suite))
		if err != nil {
			return nil, "", noIPMI(step.Rejected, "ipmitool: "+cleaner(user, pass)(err).Error(), "Install ipmitool, or name its path: ipmi { path = … }.")
		}
		state, err := i.ask(ctx, p)
		switch {
		case err == nil:
			i.suite, i.failed = suite, 0
			return p, state, nil
		case ctx.Err() != nil:
			return nil, "", ctx.Err()
		case refusesSuite(err): // said before any password was: no login
			continue
		}
		i.failed++
		return nil, "", noIPMI(step.Auth, "its BMC answers IPMI and gave no session: "+firstLine(cleaner(user, pass)(err).Error()),
			"Check that the account may use IPMI, and that its password has 20 bytes at most.")
	}
	return nil, "", noIPMI(step.Unsupported, "its BMC speaks neither cipher suite 17 nor 3", "")
}

// ask reads the power state, which is what tells whether a session is given.
func (i *IPMI) ask(ctx context.Context, p ipmiTool) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, ipmiCall)
	defer cancel()
	said, err := p.PowerStateGet(ctx)
	switch {
	case err != nil:
		return "", err
	case strings.Contains(said, "Chassis Power is on"):
		return "On", nil
	case strings.Contains(said, "Chassis Power is off"):
		return "Off", nil
	}
	return "", errors.New("it does not say whether the chassis has power: " + firstLine(said))
}

// credential gets user and password, and refuses what IPMI has no room for: some BMCs compare the first 16 or 20 bytes only.
func (i *IPMI) credential(ctx context.Context) (user, pass string, err error) {
	if os.Getenv(constants.EnvEnableDebug) != "" {
		return "", "", noIPMI(step.Rejected, constants.EnvEnableDebug+" is set", "It makes bmclib print passwords; unset it and run again.")
	}
	if user, pass, err = i.Login(ctx); err != nil {
		return "", "", fmt.Errorf("%w: no credential: %w", ErrNoIPMI, err)
	}
	switch {
	case len(pass) > MaxIPMIPassword:
		return "", "", noIPMI(step.Rejected, fmt.Sprintf("its password has more than the %d bytes that IPMI 2.0 takes", MaxIPMIPassword),
			"Give the account a password of 20 bytes at most, or leave IPMI off.")
	case len(user) > MaxIPMIUser:
		return "", "", noIPMI(step.Rejected, fmt.Sprintf("its user name has more than the %d bytes that IPMI 2.0 takes", MaxIPMIUser), "")
	}
	return user, pass, nil
}

func noIPMI(c step.Class, text, advice string) error {
	return step.Fail(c, fmt.Errorf("%w: %s", ErrNoIPMI, text), advice)
}

// refusesSuite tells whether a session was refused for its algorithms, in the answer to the open session request: RAKP, and
// with it the password, comes after (IPMI 2.0 §13.17, §13.18).
func refusesSuite(err error) bool { return strings.Contains(err.Error(), "open session response") }

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return strings.TrimSpace(line)
}

func (i *IPMI) port() string {
	if i.Port == 0 {
		return ipmiPort
	}
	return strconv.Itoa(i.Port)
}

// bracketed writes an IPv6 address as bmclib wants it: it joins host and port by a colon.
func bracketed(host string) string {
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}

// knock asks the BMC, without a login, how one would log in (IPMI 2.0 §22.13): so a BMC that is not there is told from one that
// refuses, which ipmitool does not do, and costs no try.
func (i *IPMI) knock(ctx context.Context) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "udp", net.JoinHostPort(i.Host, i.port()))
	if err != nil {
		return noIPMI(step.Unreachable, err.Error(), "")
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	answer := make([]byte, 64)
	for range knockTries {
		if _, err = conn.Write(getChannelAuthCapabilities); err != nil {
			continue
		}
		if err = conn.SetReadDeadline(time.Now().Add(knockPause)); err != nil {
			break
		}
		n, rerr := conn.Read(answer)
		if err = rerr; err == nil && n > 4 && answer[0] == rmcpVersion && answer[3] == rmcpIPMI {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	if err == nil {
		err = errors.New("what answers there is not IPMI")
	}
	return noIPMI(step.Unreachable, "its BMC does not answer IPMI either: "+err.Error(), "")
}

const (
	rmcpVersion = 0x06
	rmcpIPMI    = 0x07
)

// getChannelAuthCapabilities is a whole packet: RMCP header (class IPMI), IPMI 1.5 session header without a session, and the
// message with its two checksums: network function App, command 38h, this channel with IPMI 2.0 data (8Eh), as administrator (4).
var getChannelAuthCapabilities = []byte{
	rmcpVersion, 0x00, 0xff, rmcpIPMI,
	0x00, 0, 0, 0, 0, 0, 0, 0, 0, 9,
	0x20, 0x18, 0xc8, 0x81, 0x00, 0x38, 0x8e, 0x04, 0xb5,
}
