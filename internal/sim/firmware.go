package sim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/metalwright/metalwright/internal/step"
)

// component is one flashable part.
type component struct {
	name       string
	version    string
	factory    string
	previous   string
	activation step.Activation
	flash      time.Duration
	staged     string // version that waits for its activation
	clears     bool   // the staged image does not keep NVRAM
	staging    bool   // an image is received and verified, nothing is written
	writing    bool   // flash cells are being written: the window in which a reset breaks it
	bricked    bool
	job        *job
	movedAt    time.Time // when the version last changed
}

const (
	defaultFlash  = 180 * time.Second
	transferDelay = 20 * time.Second // receive, verify, keep
)

// newComponents takes the parts of the catalog entry; without any, a BMC, a BIOS and a NIC.
func newComponents(b *BMC) []*component {
	facts := b.hw.Components
	var out []*component
	for _, f := range facts {
		class, err := step.ParseActivation(f.Activation)
		if err != nil {
			class = step.HostReset
			if f.Name == "bmc" {
				class = step.BMCReset
			}
		}
		out = append(out, &component{name: f.Name, version: f.Version, factory: f.Version, activation: class,
			flash: seconds(f.FlashS, defaultFlash)})
	}
	if out == nil {
		for _, n := range []string{"bmc", "bios", "nic"} {
			c := &component{name: n, version: "1.0.0", factory: "1.0.0", activation: step.HostReset, flash: defaultFlash}
			if n == "bmc" {
				c.activation = step.BMCReset
			}
			out = append(out, c)
		}
	}
	return out
}

func (b *BMC) component(name string) *component {
	for _, c := range b.comps {
		if c.name == name {
			return c
		}
	}
	return nil
}

func (b *BMC) version(name string) string {
	if c := b.component(name); c != nil {
		return c.version
	}
	return ""
}

func (b *BMC) brick(c *component) {
	c.bricked, c.writing, c.staging, c.staged = true, false, false, ""
	b.forget("flash:" + c.name)
	b.violate("%s is bricked", c.name)
	if c.job != nil && c.job.active() {
		b.failJob(c.job, b.msg("ApplyFailed", c.name, c.name))
	}
}

// run makes the staged version the running one.
func (b *BMC) run(c *component) {
	if c.staged == "" || c.bricked {
		return
	}
	c.previous, c.version, c.staged = c.version, c.staged, ""
	if c.name == "bios" && c.clears {
		b.clearSetup()
	}
	c.clears = false
	if c.job != nil && c.job.active() {
		b.complete(c.job)
	}
	c.job = nil
	c.movedAt = b.now
	b.changed()
}

// flashAtBoot plans, one after the other, what is staged for this class of reset, and tells how long it takes.
func (b *BMC) flashAtBoot(class step.Activation) time.Duration {
	var at time.Duration
	for _, c := range b.comps {
		if c.staged == "" || c.bricked || c.activation <= step.BMCReset || c.activation > class || b.faults.unapplied(c) || b.faults.outOfReach(c, class) {
			continue
		}
		if b.dia.update.stageImmediately {
			b.after(at+10*time.Second, "host", func() { b.run(c) }) // it was written at the push; the boot only switches over
			continue
		}
		tag := "flash:" + c.name
		b.after(at+5*time.Second, tag, func() {
			c.writing = true
			if c.job != nil {
				c.job.state, c.job.percent = "Running", 10
			}
		})
		at += 5*time.Second + c.flash
		b.after(at, tag, func() {
			c.writing = false
			b.run(c)
		})
	}
	return at
}

// params is UpdateParameters of a multipart push (DSP0266 §7.x UpdateService), as far as the simulator acts on it.
type params struct {
	Targets   []string        `json:"Targets"`
	ApplyTime string          `json:"@Redfish.OperationApplyTime"`
	Oem       json.RawMessage `json:"Oem"`
	Force     bool            `json:"ForceUpdate"`
}

func (b *BMC) isPush(c *call) bool {
	u := b.dia.update
	return c.method == http.MethodPost && (u.multipart != "" && strings.EqualFold(c.path, u.multipart) ||
		u.push != "" && strings.EqualFold(c.path, u.push))
}

// beginPush notes that an image is on its way, and whether it may be.
func (b *BMC) beginPush() {
	if b.uploads > 0 {
		b.violate("a second push while an image was being received")
	}
	b.faults.pushes()
	for _, c := range b.comps {
		if c.writing {
			b.violate("a push while %s was being flashed", c.name)
		}
	}
	b.uploads++
}

// push takes an image: multipart, or raw bytes.
func (b *BMC) push(c *call) *answer {
	b.led.Pushes++
	if b.dia.update.lengthRequired && c.length < 0 {
		return b.fail(http.StatusLengthRequired, b.msg("HeaderMissing", "Content-Length"))
	}
	image, p, a := b.unpack(c)
	if a != nil {
		return a
	}
	if p.ApplyTime != "" && b.dia.update.applyTimes != nil && !slices.Contains(b.dia.update.applyTimes, p.ApplyTime) {
		return b.fail(http.StatusBadRequest, b.msg("ActionParameterValueNotInList", p.ApplyTime, "@Redfish.OperationApplyTime", "MultipartHttpPush"))
	}
	return b.take(image, p)
}

// unpack finds the parts.
func (b *BMC) unpack(c *call) (image []byte, p params, a *answer) {
	kind, attr, err := mime.ParseMediaType(c.header.Get("Content-Type"))
	if err != nil || !strings.HasPrefix(kind, "multipart/") {
		if b.dia.update.push != "" && strings.EqualFold(c.path, b.dia.update.push) {
			return c.raw, p, nil
		}
		return nil, p, b.fail(http.StatusBadRequest, b.msg("UnrecognizedRequestBody"))
	}
	r := multipart.NewReader(bytes.NewReader(c.raw), attr["boundary"])
	for {
		part, err := r.NextPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, p, b.fail(http.StatusBadRequest, b.msg("MissingOrMalformedPart"))
		}
		data, err := io.ReadAll(part)
		if err != nil {
			return nil, p, b.fail(http.StatusBadRequest, b.msg("MissingOrMalformedPart"))
		}
		switch {
		case part.FormName() == "UpdateParameters" || part.FormName() == "parameters":
			if bytes.Contains(data, []byte(":null")) { // H20: some refuse nulls
				return nil, p, b.fail(http.StatusBadRequest, b.msg("MissingOrMalformedPart"))
			}
			if err := json.Unmarshal(data, &p); err != nil {
				return nil, p, b.fail(http.StatusBadRequest, b.msg("MalformedJSON"))
			}
		case part.FormName() == "UpdateFile" || part.FileName() != "":
			image = data
		}
	}
	if image == nil {
		return nil, p, b.fail(http.StatusBadRequest, b.msg("MissingOrMalformedPart"))
	}
	return image, p, nil
}

// take accepts an image and starts its task, or refuses it at once.
func (b *BMC) take(data []byte, p params) *answer {
	for _, c := range b.comps {
		if c.writing || c.staging && !b.dia.settingsJob {
			a := b.fail(http.StatusServiceUnavailable, b.msg("ServiceTemporarilyUnavailable", "30"), b.msg("UpdateInProgress"))
			a.header["Retry-After"] = "30"
			return a
		}
	}
	if b.faults.live["R52"] != nil {
		for _, c := range b.comps {
			if c.staged != "" && b.faults.on("R52") {
				return b.fail(http.StatusBadRequest, b.msg("ActionNotSupported", "MultipartHttpPush"))
			}
		}
	}
	img, err := parseImage(data)
	if err != nil && b.dia.settingsJob {
		return b.fail(http.StatusBadRequest, b.msg("VerificationFailed", "the image", "the manager"))
	}
	name := "Firmware Update"
	if b.dia.settingsJob {
		name = "Firmware Update: " + img.component
	}
	j := b.newJob(name, "New")
	c, why := b.judge(img, err, p)
	if c == nil {
		b.after(transferDelay, "task", func() { b.failJob(j, why) })
		j.state = "Running"
		return b.accepted(j)
	}
	b.led.Flashes[c.name]++
	j.comp, j.state = c, "Downloading"
	j.msgs = append(j.msgs, b.msg("TaskStarted", j.id), b.msg("TargetDetermined", c.name, img.version))
	c.job, c.staging = j, true
	c.clears = b.dia.update.preserveNVRAM && c.name == "bios" && !bytes.Contains(bytes.ReplaceAll(p.Oem, []byte(" "), nil), []byte(`"PreserveNVRAM":true`))
	j.cancel = func() { c.staged, c.staging, c.job = "", false, nil }
	if p.ApplyTime == "OnStartUpdateRequest" {
		c.staging, j.state = false, "Scheduled"
		j.cancel = nil
		b.hold(c, img.version)
		return b.accepted(j)
	}
	b.stage(c, img.version)
	b.faults.pushed()
	return b.accepted(j)
}

// hold keeps an image until StartUpdate.
func (b *BMC) hold(c *component, version string) {
	c.job.cancel = func() {
		c.staging, c.job.state = true, "Downloading"
		b.stage(c, version)
	}
}

// stage verifies an image, then writes it now or keeps it for the reset.
func (b *BMC) stage(c *component, version string) {
	tag := "flash:" + c.name
	j := c.job
	b.forget(tag)
	now := c.activation <= step.BMCReset || b.dia.update.stageImmediately
	b.after(transferDelay, tag, func() {
		c.staging = false
		if b.faults.stuck(j) {
			c.job = nil
			return
		}
		if !now {
			b.stageDone(c, j, version)
			return
		}
		c.writing = true
		j.state, j.percent = "Running", 20
		j.msgs = append(j.msgs, b.msg("InstallingOnComponent", version, c.name))
		b.changed()
		for i := 1; i < 4; i++ {
			b.after(c.flash*time.Duration(i)/4, tag, func() { j.percent = 20 + 20*i })
		}
		b.after(c.flash, tag, func() {
			c.writing = false
			b.stageDone(c, j, version)
		})
	})
}

// stageDone: the image waits for its activation. Dell's job waits with it, the tasks of the others end here.
func (b *BMC) stageDone(c *component, j *job, version string) {
	c.staged = version
	b.changed()
	if b.dia.settingsJob && c.activation > step.BMCReset {
		j.state = "Scheduled"
		j.msgs = append(j.msgs, b.msg("JCP001"))
		return
	}
	j.msgs = append(j.msgs, b.msg("AwaitToActivate", version, c.name))
	b.complete(j)
	if c.activation == step.None {
		b.run(c)
	}
}

// judge finds the component an image is for, or the message that refuses it.
func (b *BMC) judge(img image, err error, p params) (*component, obj) {
	if err != nil {
		return nil, b.msg("VerificationFailed", "the image", "the manager")
	}
	if img.platform != strings.TrimPrefix(b.hw.Key, "server.") {
		return nil, b.msg("NoTargetsDetermined", img.platform+" "+img.component)
	}
	c := b.component(img.component)
	if c == nil || c.bricked {
		return nil, b.msg("NoTargetsDetermined", img.component)
	}
	if c.name == "bios" && b.host.power != powerOff && b.faults.on("bios-needs-off") {
		return nil, b.msg("ChassisPowerStateOffRequired", b.dia.chassisID)
	}
	if b.clockWrong() { // its signature is of a day that has not come
		return nil, b.msg("VerificationFailed", img.version, "the manager")
	}
	if c.name == "bmc" && len(p.Targets) > 0 && b.faults.on("R89") {
		return nil, b.msg("NoTargetsDetermined", img.version)
	}
	for _, t := range p.Targets {
		if !b.targets(c, t) {
			return nil, b.msg("VerificationFailed", img.version, t)
		}
	}
	return c, nil
}

// targets tells whether a URI names a component: one of the dialect's targets, or a row of it.
func (b *BMC) targets(c *component, uri string) bool {
	uri = strings.TrimRight(uri, "/")
	if slices.ContainsFunc(b.dia.update.targets[c.name], func(t string) bool { return strings.EqualFold(t, uri) }) {
		return true
	}
	for _, r := range b.dia.rows(b) {
		if r.comp == c && strings.EqualFold(b.rowURI(r.id), uri) {
			return true
		}
	}
	return false
}

// simpleUpdate fetches the image from where the client says.
func simpleUpdate(c *call) *answer {
	b := c.b
	uri, _ := c.body["ImageURI"].(string)
	if uri == "" {
		return b.fail(http.StatusBadRequest, b.msg("ActionParameterMissing", "UpdateService.SimpleUpdate", "ImageURI"))
	}
	p := params{}
	p.ApplyTime, _ = c.body["@Redfish.OperationApplyTime"].(string)
	if list, given := c.body["Targets"].([]any); given {
		for _, t := range list {
			p.Targets = append(p.Targets, fmt.Sprint(t))
		}
	}
	b.led.Pushes++
	body, err := b.rack.fetch(uri)
	if err != nil {
		j := b.newJob("Firmware Update", "Running")
		b.after(transferDelay, "task", func() { b.failJob(j, b.msg("TransferFailed", uri, "the manager")) })
		return b.accepted(j)
	}
	defer body.Close()
	data, err := io.ReadAll(io.LimitReader(body, b.dia.imageLimit()+1))
	if err != nil || int64(len(data)) > b.dia.imageLimit() {
		return b.fail(http.StatusBadRequest, b.msg("SourceDoesNotSupportProtocol", uri, "HTTP"))
	}
	return b.take(data, p)
}

// startUpdate sets off what was pushed with OnStartUpdateRequest.
func startUpdate(c *call) *answer {
	b := c.b
	for _, x := range b.comps {
		if x.job != nil && x.job.state == "Scheduled" && x.staged == "" && x.job.cancel != nil {
			x.job.cancel()
		}
	}
	return b.done()
}
