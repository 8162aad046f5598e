package bench_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/metalwright/metalwright/internal/bmc/inventory"
	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/rack"
	"github.com/metalwright/metalwright/internal/survey"
)

// The promises. Counts are held always; seconds and bytes are told, and held when METALWRIGHT_BENCH=strict, since they
// depend on what else the machine does.
const (
	maxConnections = 4
	sessionsPerBMC = 1
	maxRSSBytes    = 256 << 20
)

// survey reads every BMC of a mock once, as the command does.
func surveyAll(b *testing.B, m *mock) (rack.Observation, time.Duration) {
	b.Helper()
	var targets []survey.Target
	for _, u := range m.urls {
		targets = append(targets, survey.Target{Address: u, Endpoint: u, Open: func(context.Context) (survey.Reader, error) {
			c, err := redfish.New(redfish.Options{Base: u,
				Trust: redfish.Trust{TrustNew: func(redfish.CertInfo) error { return nil }}, // made for this run
				Login: func(context.Context) (string, string, error) { return "root", "calvin0", nil }})
			return inventory.Session{Client: c}, err
		}})
	}
	start := time.Now()
	o := survey.Run(context.Background(), targets, survey.Options{})
	return o, time.Since(start)
}

// measure runs one benchmark of n BMCs of a tree and checks what must always hold.
func measure(b *testing.B, tree string, n int, limit time.Duration, flags ...string) {
	m := start(b, tree, n, flags...)
	var total time.Duration
	var peak int64
	for b.Loop() {
		m.reset(b)
		runtime.GC()
		resetPeak()
		own, theirs := cpuSeconds(os.Getpid()), cpuSeconds(m.pid)
		o, took := surveyAll(b, m)
		total += took
		if err := survey.WriteJSON(io.Discard, o); err != nil { // as the command does: it counts for the memory
			b.Fatal(err)
		}
		b.ReportMetric(cpuSeconds(os.Getpid())-own, "cpu-s")
		b.ReportMetric(cpuSeconds(m.pid)-theirs, "mock-cpu-s")
		peak = max(peak, peakRSS())
		c := m.stats(b)
		faults := len(flags) > 0
		check(b, o, c, n, faults)
		b.ReportMetric(float64(c.Req)/float64(n), "requests/BMC")
		b.ReportMetric(float64(c.Conns)/float64(n), "conns/BMC")
		b.ReportMetric(float64(c.Made)/float64(n), "sessions/BMC")
		b.ReportMetric(float64(c.S503+c.Rst), "faults")
	}
	mean := total / time.Duration(b.N)
	b.ReportMetric(mean.Seconds(), "s/survey")
	b.ReportMetric(float64(peak)/(1<<20), "peak-MB")
	b.ReportMetric(0, "ns/op")
	if os.Getenv("METALWRIGHT_BENCH") == "strict" {
		if mean > limit {
			b.Errorf("%d x %s took %.2f s, the limit is %.2f s", n, tree, mean.Seconds(), limit.Seconds())
		}
		if peak > maxRSSBytes {
			b.Errorf("%d x %s took %d MB, the limit is %d MB", n, tree, peak>>20, int64(maxRSSBytes)>>20)
		}
	}
}

func check(b *testing.B, o rack.Observation, c counters, n int, faults bool) {
	b.Helper()
	if len(o.Devices) != n || len(o.Gaps) != 0 {
		b.Errorf("%d devices and %d gaps, want %d and none; first gaps %v", len(o.Devices), len(o.Gaps), n, o.Gaps[:min(3, len(o.Gaps))])
	}
	if c.Touched != int64(n) || c.Leaked != 0 || c.Made != c.Del {
		b.Errorf("%d BMCs touched, %d sessions made, %d closed, %d left open", c.Touched, c.Made, c.Del, c.Leaked)
	}
	if c.MaxInflight > maxConnections {
		b.Errorf("%d requests in flight on one BMC, the limit is %d", c.MaxInflight, maxConnections)
	}
	// On a machine that does much else a few connections of a thousand break, and are replaced.
	if faults { // a cut connection is replaced, a login whose answer was cut may be repeated
		return
	}
	if c.Conns > int64(n*maxConnections+n/100) || c.Made != int64(n*sessionsPerBMC) || c.MaxSess > sessionsPerBMC {
		b.Errorf("%d connections and %d sessions for %d BMCs", c.Conns, c.Made, n)
	}
}

func BenchmarkSurveyGB200(b *testing.B)   { measure(b, "nvidia-gb200-nvl", 1, 800*time.Millisecond) }
func BenchmarkSurveyDGXH100(b *testing.B) { measure(b, "nvidia-dgx-h100", 1, time.Second) }
func BenchmarkSurveyR750(b *testing.B)    { measure(b, "dell-r750-idrac9-6.00", 1, 800*time.Millisecond) }
func BenchmarkSurvey18GB200(b *testing.B) { measure(b, "nvidia-gb200-nvl", 18, time.Second) }
func BenchmarkSurvey1000R750(b *testing.B) {
	measure(b, "dell-r750-idrac9-6.00", 1000, 12*time.Second)
}

// Under faults a survey is complete all the same, and takes at most half as long again.
func BenchmarkFaultsGB200(b *testing.B) {
	measure(b, "nvidia-gb200-nvl", 1, 1200*time.Millisecond, "-p503", "0.01", "-preset", "0.005")
}
func BenchmarkFaultsR750(b *testing.B) {
	measure(b, "dell-r750-idrac9-6.00", 1, 1200*time.Millisecond, "-p503", "0.01", "-preset", "0.005")
}
func BenchmarkFaults32R750(b *testing.B) {
	measure(b, "dell-r750-idrac9-6.00", 32, 1200*time.Millisecond, "-p503", "0.01", "-preset", "0.005")
}
func BenchmarkFaults1000R750(b *testing.B) {
	measure(b, "dell-r750-idrac9-6.00", 1000, 18*time.Second, "-p503", "0.01", "-preset", "0.005")
}

// peakRSS reads the high-water mark of this process; 0 where the system does not tell.
func peakRSS() int64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for _, l := range strings.Split(string(text), "\n") {
		if f := strings.Fields(l); len(f) > 1 && f[0] == "VmHWM:" {
			kb, err := strconv.ParseInt(f[1], 10, 64)
			if err != nil {
				return 0
			}
			return kb << 10
		}
	}
	return 0
}

// cpuSeconds is the processor time of a process so far; 0 where the system does not tell. On two cores a survey cannot be
// faster than half of what it and the mock need together.
func cpuSeconds(pid int) float64 {
	const ticksPerSecond = 100 // sysconf(_SC_CLK_TCK) is 100 on every Linux that Go runs on
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	f := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if len(f) < 13 {
		return 0
	}
	user, errU := strconv.ParseFloat(f[11], 64)
	system, errS := strconv.ParseFloat(f[12], 64)
	if errU != nil || errS != nil {
		return 0
	}
	return (user + system) / ticksPerSecond
}

// resetPeak starts the high-water mark anew (proc(5), clear_refs).
func resetPeak() {
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0o200); err != nil {
		fmt.Fprintln(os.Stderr, "metalwright: peak memory includes earlier benchmarks:", err)
	}
}
