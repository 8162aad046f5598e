package sim

import (
	"net/http"
	"slices"
	"time"
)

// eraseStyle is how a dialect offers the erase of one drive, as the recorded machines do (storage.md §1).
type eraseStyle uint8

const (
	eraseNone     eraseStyle = iota
	eraseByInfo              // the method is a parameter, told by ActionInfo: GB200
	eraseByVendor            // no parameter; Dell says elsewhere what the drive can do
	eraseUnsaid              // no parameter and no word about the method, and only for drives in no volume: HPE
)

const (
	cryptographicErase = "CryptographicErase"
	blockErase         = "BlockErase"
)

func (b *BMC) eraseURI(d *drive) string  { return b.driveURI(d) + "/Actions/Drive.SecureErase" }
func (b *BMC) eraseInfo(d *drive) string { return b.driveURI(d) + "/SanitizeActionInfo" }

// offersErase tells whether a drive shows the action as it is now.
func (b *BMC) offersErase(d *drive) bool {
	switch b.dia.storage.erase {
	case eraseNone:
		return false
	case eraseUnsaid:
		return d.volume == nil && !d.reserved
	default:
		return d.facts.Protocol == "NVMe"
	}
}

// showErase adds the action to a drive.
func (b *BMC) showErase(d *drive, o obj) {
	if !b.offersErase(d) {
		return
	}
	act := obj{"target": b.eraseURI(d)}
	switch b.dia.storage.erase {
	case eraseByInfo:
		act["@Redfish.ActionInfo"] = b.eraseInfo(d)
	case eraseByVendor:
		act["@Redfish.OperationApplyTimeSupport"] = obj{"@odata.type": "#Settings.v1_3_3.OperationApplyTimeSupport",
			"SupportedValues": texts2list([]string{"Immediate", "OnReset"})}
		if o["Oem"] == nil {
			o["Oem"] = obj{"Dell": obj{"@odata.type": "#DellOem.v1_3_0.DellOemResources"}}
		}
		o["Oem"].(obj)["Dell"].(obj)["DellPCIeSSD"] = obj{"@odata.type": "#DellPCIeSSD.v1_6_0.DellPCIeSSD", "Id": d.id, "Name": "DellPCIeSSD",
			"SystemEraseCapability": "CryptographicErasePD"}
	}
	o["Actions"] = obj{"#Drive.SecureErase": act}
}

func (b *BMC) eraseMethods() []string {
	if b.dia.storage.erase == eraseByInfo {
		if b.faults.on("R90") {
			return []string{blockErase}
		}
		return []string{blockErase, cryptographicErase}
	}
	return nil
}

func eraseRoutes(b *BMC, m map[string]*route, c *controller) {
	if b.dia.storage.erase == eraseNone {
		return
	}
	for _, d := range c.drives {
		add(b, m, b.eraseURI(d), &route{post: func(c *call) *answer { return b.eraseDrive(c, d) }})
		if b.dia.storage.erase == eraseByInfo {
			add(b, m, b.eraseInfo(d), &route{get: func(*call) obj {
				return obj{"@odata.type": b.dia.typ("ActionInfo"), "Id": "SanitizeActionInfo", "Name": "Sanitize Action Info",
					"Parameters": []any{obj{"Name": "SanitizationType", "Required": false, "DataType": "String",
						"AllowableValues": texts2list(b.eraseMethods())}}}
			}})
		}
	}
}

// eraseDrive answers Drive.SecureErase: a task, at once or with the next reset.
func (b *BMC) eraseDrive(c *call, d *drive) *answer {
	const action = "Drive.SecureErase"
	kind, given := c.body["SanitizationType"].(string)
	at, _ := c.body["@Redfish.OperationApplyTime"].(string)
	switch methods := b.eraseMethods(); {
	case !b.offersErase(d):
		return b.fail(http.StatusBadRequest, b.msg("ActionNotSupported", action))
	case d.volume != nil || d.reserved || d.erasing:
		return b.fail(http.StatusConflict, b.msg("ResourceInUse"))
	case given && methods == nil:
		return b.fail(http.StatusBadRequest, b.msg("ActionParameterNotSupported", "SanitizationType", action))
	case given && !slices.Contains(methods, kind):
		return b.fail(http.StatusBadRequest, b.msg("ActionParameterValueNotInList", kind, "SanitizationType", action))
	}
	if a := b.faults.refuseWrite(c); a != nil {
		return a
	}
	if !given {
		kind = cryptographicErase
	}
	name := "Secure erase of drive " + d.id
	if b.dia.settingsJob {
		name = "Configure: " + d.id
	}
	vj := &volumeJob{erase: d, method: kind, job: b.newJob(name, "Running")}
	vj.job.target = b.eraseURI(d)
	d.erasing = true
	vj.job.cancel = func() {
		d.erasing = false
		d.ctl.jobs = slices.DeleteFunc(d.ctl.jobs, func(x *volumeJob) bool { return x == vj })
	}
	if at == "OnReset" {
		vj.job.state = "Scheduled"
		d.ctl.jobs = append(d.ctl.jobs, vj)
	} else {
		b.after(30*time.Second, "erase", func() { b.runVolumeJob(vj) })
	}
	return b.accepted(vj.job)
}

// endErase ends an erase: it is real, unless a fault wants otherwise. False when the job has its end already.
func (b *BMC) endErase(vj *volumeJob) bool {
	vj.erase.erasing = false
	if b.faults.fire("R91", nil) {
		j := vj.job
		j.state, j.status, j.percent, j.end = "Completed", "Warning", 100, b.now
		j.msgs = append(j.msgs, b.msg("OperationFailed"))
		return false
	}
	vj.erase.erased = vj.method
	b.led.DrivesErased++
	b.changed()
	return true
}
