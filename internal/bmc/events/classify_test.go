package events

import (
	"testing"

	"github.com/metalwright/metalwright/internal/rack"
)

func TestClassify(t *testing.T) {
	const psu = "/redfish/v1/Chassis/1/PowerSubsystem/PowerSupplies/1"
	for _, c := range []struct {
		name string
		e    rack.Event
		want rack.EventKind
	}{
		{"DMTF leak", rack.Event{MessageID: "Environmental.1.0.LeakDetectedCritical"}, rack.EventLeak},
		{"DMTF leak, three-part version", rack.Event{MessageID: "Environmental.1.4.0.LeakDetectedCritical"}, rack.EventLeak},
		{"a small leak is a warning", rack.Event{MessageID: "Environmental.1.0.LeakDetectedWarning", Severity: "Warning"}, rack.NoEventKind},
		{"a dry detector", rack.Event{MessageID: "Environmental.1.0.LeakDetectedNormal", Severity: "OK"}, rack.EventAllClear},
		{"a broken detector", rack.Event{MessageID: "Environmental.1.0.LeakDetectorFailure", Severity: "Warning"}, rack.EventDetector},
		{"DMTF heat", rack.Event{MessageID: "Environmental.1.0.TemperatureAboveUpperCriticalThreshold"}, rack.EventHot},
		{"below fatal is above critical", rack.Event{MessageID: "Environmental.1.0.TemperatureBelowUpperFatalThreshold"}, rack.EventHot},
		{"cold is no heat", rack.Event{MessageID: "Environmental.1.0.TemperatureBelowLowerCriticalThreshold", Severity: "Critical"}, rack.EventCondition},
		{"warm is no peril", rack.Event{MessageID: "Environmental.1.0.TemperatureWarning", Severity: "Warning"}, rack.NoEventKind},
		{"a fan", rack.Event{MessageID: "Environmental.1.0.FanFailed", Severity: "Critical"}, rack.EventCondition},
		{"a sensor in Celsius", rack.Event{MessageID: "SensorEvent.1.0.ReadingAboveUpperCriticalThreshold", Args: []string{"X9", "104", "Cel", "100"}}, rack.EventHot},
		{"a sensor in volts, named temp", rack.Event{MessageID: "SensorEvent.1.0.ReadingAboveUpperCriticalThreshold", Severity: "Critical",
			Args: []string{"Temp rail", "14", "V", "13"}}, rack.EventCondition},
		{"a supply", rack.Event{MessageID: "Power.1.0.PowerSupplyFailed"}, rack.EventShelf},
		{"a group of supplies", rack.Event{MessageID: "Power.1.0.PowerSupplyGroupCritical"}, rack.EventShelf},
		{"input power", rack.Event{MessageID: "Power.1.0.LossOfInputPower"}, rack.EventPowerLoss},
		{"a breaker", rack.Event{MessageID: "Power.1.0.BreakerTripped"}, rack.EventPowerLoss},
		{"host on", rack.Event{MessageID: "ResourceEvent.1.0.ResourcePoweredOn"}, rack.EventPower},
		{"health of a detector", rack.Event{MessageID: "ResourceEvent.1.0.ResourceStatusChangedCritical", Severity: "Critical",
			Origin: "/redfish/v1/Chassis/1/ThermalSubsystem/LeakDetection/LeakDetectors/1"}, rack.EventLeak},
		{"health of a supply", rack.Event{MessageID: "ResourceEvent.1.0.ResourceStatusChangedCritical", Origin: psu}, rack.EventShelf},
		{"health of a drive", rack.Event{MessageID: "ResourceEvent.1.0.ResourceStatusChangedCritical", Severity: "Critical",
			Origin: "/redfish/v1/Systems/1/Storage/1/Drives/1"}, rack.EventCondition},
		{"a supply is well again", rack.Event{MessageID: "ResourceEvent.1.0.ResourceStatusChangedOK", Origin: psu}, rack.EventAllClear},
		{"a drive is well again", rack.Event{MessageID: "ResourceEvent.1.0.ResourceStatusChangedOK", Origin: "/redfish/v1/Systems/1"}, rack.NoEventKind},
		{"something was changed by a client", rack.Event{MessageID: "ResourceEvent.1.0.ResourceChanged"}, rack.NoEventKind},
		{"a task", rack.Event{MessageID: "TaskEvent.1.0.TaskCompletedOK"}, rack.EventJob},
		{"progress is no end", rack.Event{MessageID: "TaskEvent.1.0.TaskProgressChanged"}, rack.NoEventKind},
		{"NVIDIA: leak as an error", rack.Event{MessageID: "ResourceEvent.1.0.ResourceErrorsDetected", Severity: "Critical",
			Args: []string{"Chassis_0_LeakDetector_1_ColdPlate", "Leakage Detected"}}, rack.EventLeak},
		{"OpenBMC: heat", rack.Event{MessageID: "OpenBMC.0.4.SensorThresholdCriticalHighGoingHigh", Args: []string{"Front_IO_Temp_0", "71", "70"}}, rack.EventHot},
		{"OpenBMC: a fast fan", rack.Event{MessageID: "OpenBMC.0.4.SensorThresholdCriticalHighGoingHigh", Severity: "Critical",
			Args: []string{"FAN_1", "20000", "19000"}}, rack.EventCondition},
		{"OpenBMC: supply, Warning by its registry", rack.Event{MessageID: "OpenBMC.0.4.PowerSupplyFailed", Severity: "Warning"}, rack.EventShelf},
		{"iDRAC: inlet", rack.Event{MessageID: "IDRAC.2.7.TMP0121", Severity: "Critical"}, rack.EventHot},
		{"iDRAC: inlet too cold", rack.Event{MessageID: "IDRAC.2.7.TMP0119", Severity: "Critical", Text: "The system inlet temperature is less than the lower critical threshold."}, rack.EventCondition},
		{"iDRAC: key alone", rack.Event{MessageID: "TMP0121"}, rack.EventHot},
		{"iDRAC: large leak", rack.Event{MessageID: "IDRAC.2.8.LCS0003"}, rack.EventLeak},
		{"iDRAC: small leak", rack.Event{MessageID: "IDRAC.2.8.LCS0001", Severity: "Warning"}, rack.NoEventKind},
		{"iDRAC: supply", rack.Event{MessageID: "IDRAC.2.7.PSU0001", Severity: "Critical"}, rack.EventShelf},
		{"iDRAC: cord", rack.Event{MessageID: "IDRAC.2.7.PSU0003", Severity: "Critical"}, rack.EventPowerLoss},
		{"iDRAC: job", rack.Event{MessageID: "IDRAC.2.7.JCP037"}, rack.EventJob},
		{"iLO: heat", rack.Event{MessageID: "iLOEvents.3.2.ThermalStatusFailure"}, rack.EventHot},
		{"iLO: supply", rack.Event{MessageID: "iLOEvents.3.2.PowerSupplyFailed"}, rack.EventShelf},
		{"iLO: host off", rack.Event{MessageID: "iLOResourceEvents.1.3.ServerPoweredOff"}, rack.EventPower},
		{"XCC: heat", rack.Event{MessageID: "EventRegistry.1.0.FQXSPPU0001N"}, rack.EventHot},
		{"XCC: a numeric sensor", rack.Event{MessageID: "EventRegistry.1.0.FQXSPCA0008M", Args: []string{"Ambient Temp"}}, rack.EventHot},
		{"XCC: a supply", rack.Event{MessageID: "EventRegistry.1.0.FQXSPPW0002L", Args: []string{"Power Supply 1"}, Severity: "Critical"}, rack.EventShelf},
		{"XCC: something else has failed", rack.Event{MessageID: "EventRegistry.1.0.FQXSPPW0002L", Args: []string{"Battery 1"}, Severity: "Critical"}, rack.EventCondition},
		{"AMI: leak", rack.Event{MessageID: "EventLog.1.0.StatusChange", Args: []string{"Health",
			"/redfish/v1/Chassis/C/ThermalSubsystem/LeakDetection/LeakDetectors/1", "OK", "Critical"}}, rack.EventLeak},
		{"AMI: supply", rack.Event{MessageID: "EventLog.1.0.StatusChange", Args: []string{"Health", psu, "OK", "Critical"}}, rack.EventShelf},
		{"AMI: supply well again", rack.Event{MessageID: "EventLog.1.0.StatusChange", Args: []string{"Health", psu, "Critical", "OK"}}, rack.NoEventKind},
		{"AMI: power", rack.Event{MessageID: "EventLog.1.0.ResourceUpdated", Args: []string{"PowerState", "/redfish/v1/Systems/Self", "Off", "On"}}, rack.EventPower},
		{"unknown vendor, by words", rack.Event{MessageID: "Acme.1.0.E17", Severity: "Critical", Text: "Coolant leak under node 3"}, rack.EventLeak},
		{"unknown vendor, not Critical", rack.Event{MessageID: "Acme.1.0.E17", Severity: "Warning", Text: "Coolant leak under node 3"}, rack.NoEventKind},
		{"unknown vendor, heat", rack.Event{Severity: "Critical", Text: "CPU1 Temp: temperature above upper critical"}, rack.EventHot},
		{"unknown vendor, supply", rack.Event{Severity: "Critical", Text: "PSU 2 failure"}, rack.EventShelf},
		{"nothing at all", rack.Event{}, rack.NoEventKind},
	} {
		if got := Classify(c.e); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// Every rule is reached by a message of its own: a typing error in a key would go unseen otherwise.
func TestRulesAreOfKnownRegistries(t *testing.T) {
	for i, r := range rules {
		if r.registry == "" || r.means == "" || r.keys == "" && r.match == nil {
			t.Errorf("rule %d is not whole: %+v", i, r)
		}
	}
}
