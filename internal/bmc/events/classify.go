package events

import (
	"regexp"
	"slices"
	"strings"

	"github.com/metalwright/metalwright/internal/rack"
)

// Classify says what an event means. It looks, in this order, at the message that the registries of DMTF (DSP8011) and of the vendors
// define; at messages that say no more than "this has changed" together with what they are about; and, of a message that nobody here
// knows, at what a Critical one is about and at its words. It errs on the side of a look: what it calls a peril is confirmed at its
// source before anything is done.
func Classify(e rack.Event) rack.EventKind {
	registry, key := Split(e.MessageID)
	registry = strings.ToLower(registry)
	for _, r := range rules {
		if r.of(registry, key) {
			if k, ok := r.kind(e); ok {
				return k
			}
		}
	}
	if e.Severity != "Critical" || known(registry) && !vague(key) {
		if e.Severity == "Critical" {
			return rack.EventCondition
		}
		return rack.NoEventKind
	}
	if k := subject(e); k != rack.NoEventKind {
		return k
	}
	return rack.EventCondition
}

// rule is a set of messages of one registry, and what they mean.
type rule struct {
	registry string // lower case; "" = any
	keys     string // space between
	match    *regexp.Regexp
	means    rack.EventKind
	only     func(rack.Event) bool // nil = always
}

func (r rule) of(registry, key string) bool {
	if r.registry != "" && registry != r.registry && !(registry == "" && r.registry == "idrac") { // iDRAC has sent bare keys
		return false
	}
	if r.match != nil {
		return r.match.MatchString(key)
	}
	return slices.Contains(strings.Fields(r.keys), key)
}

func (r rule) kind(e rack.Event) (rack.EventKind, bool) {
	if r.only != nil && !r.only(e) {
		return rack.NoEventKind, false
	}
	return r.means, true
}

// re is a pattern of whole keys.
func re(p string) *regexp.Regexp { return regexp.MustCompile("^(?:" + p + ")$") }

// rules hold what is documented. DMTF: DSP8011. Vendors: their own registries as their BMCs serve them (EEMI 2.7 of iDRAC9,
// iLOEvents 6.10 and iLOResourceEvents 1.3 of iLO 6, EventRegistry 1.0 of XCC, OpenBMC 0.4, EventLog 1.0 of AMI).
var rules = []rule{
	{registry: "environmental", keys: "LeakDetectedCritical", means: rack.EventLeak},
	{registry: "environmental", keys: "LeakDetectorFailure LeakDetectorDisconnected", means: rack.EventDetector},
	{registry: "environmental", match: re(`Temperature(Critical|Fatal|AboveUpper(Critical|Fatal)Threshold|BelowUpperFatalThreshold)`), means: rack.EventHot},
	{registry: "environmental", match: re(`LeakDetectedNormal|LeakDetectorRestored|Temperature(Normal|NoLongerCritical|BelowUpperCriticalThreshold)`),
		means: rack.EventAllClear},
	{registry: "environmental", match: re(`(Fan|Filter|Pump)(Inserted|Removed)|LeakDetectorConnected`), means: rack.EventInventory},
	{registry: "sensorevent", match: re(`Reading(Critical|AboveUpper(Critical|Fatal)Threshold|BelowUpperFatalThreshold)`), means: rack.EventHot, only: ofTemperature},
	{registry: "sensorevent", match: re(`SensorReadingNormalRange|ReadingNoLongerCritical|ReadingBelowUpperCriticalThreshold`), means: rack.EventAllClear,
		only: ofTemperature},
	{registry: "power", match: re(`PowerSupply(Failed|GroupCritical)|PowerDistributionGroupCritical`), means: rack.EventShelf},
	{registry: "power", match: re(`LossOfInputPower|LineInputPowerFault|Breaker(Fault|Tripped)|CircuitPoweredOff`), means: rack.EventPowerLoss},
	{registry: "power", match: re(`PowerSupply(Restored|GroupNormal)|PowerDistributionGroupNormal|LineInputPowerRestored|BreakerReset|CircuitPoweredOn`),
		means: rack.EventAllClear},
	{registry: "power", match: re(`PowerSupply(Inserted|Removed)`), means: rack.EventInventory},
	{registry: "power", match: re(`ChassisPowered(On|Off)`), means: rack.EventPower},
	{registry: "resourceevent", match: re(`ResourcePowered(On|Off)`), means: rack.EventPower},
	{registry: "resourceevent", keys: "ResourceStatusChangedCritical ResourceErrorThresholdExceeded", means: rack.EventLeak, only: about(rack.EventLeak)},
	{registry: "resourceevent", keys: "ResourceStatusChangedCritical ResourceErrorThresholdExceeded", means: rack.EventShelf, only: about(rack.EventShelf)},
	{registry: "resourceevent", keys: "ResourceStatusChangedCritical ResourceErrorThresholdExceeded", means: rack.EventHot, only: about(rack.EventHot)},
	// NVIDIA's trays tell a leak as an error of the detector.
	{registry: "resourceevent", keys: "ResourceErrorsDetected", means: rack.EventLeak, only: both(about(rack.EventLeak), critical)},
	{registry: "resourceevent", keys: "ResourceStatusChangedOK ResourceErrorThresholdCleared ResourceErrorsCorrected", means: rack.EventAllClear,
		only: func(e rack.Event) bool { return subject(e) != rack.NoEventKind }},
	{registry: "resourceevent", keys: "ResourceCreated ResourceRemoved URIForResourceChanged", means: rack.EventInventory},
	{registry: "taskevent", match: re(`Task(CompletedOK|CompletedWarning|Aborted|Cancelled)`), means: rack.EventJob},
	{registry: "jobevent", match: re(`Job(CompletedOK|CompletedException|Cancelled)`), means: rack.EventJob},
	{registry: "update", match: re(`UpdateSuccessful|ApplyFailed|TransferFailed|VerificationFailed`), means: rack.EventJob},
	{registry: "managerevent", match: re(`ManagerReset.*|ManagerSwitchedToBackupSoftwareImage`), means: rack.EventBMC},
	{registry: "heartbeatevent", keys: "RedfishServiceStarted", means: rack.EventBMC},

	{registry: "openbmc", match: re(`CPUThermalTrip|SsbThermalTrip|ComponentOverTemperature|VoltageRegulatorOverheated`), means: rack.EventHot},
	{registry: "openbmc", keys: "SensorThresholdCriticalHighGoingHigh", means: rack.EventHot, only: ofTemperature},
	{registry: "openbmc", keys: "SensorThresholdCriticalHighGoingLow", means: rack.EventAllClear, only: ofTemperature},
	{registry: "openbmc", match: re(`PowerSupply(Failed|PowerGoodFailed)|PowerUnitNonRedundantInsufficient`), means: rack.EventShelf},
	{registry: "openbmc", match: re(`PowerSupplyPowerLost|SystemPowerLost`), means: rack.EventPowerLoss},
	{registry: "openbmc", match: re(`PowerSupply(Recovered|PowerRestored)`), means: rack.EventAllClear},
	{registry: "openbmc", match: re(`(PowerSupply|Fan|Drive)(Inserted|Removed)|InventoryAdded|InventoryRemoved`), means: rack.EventInventory},
	{registry: "openbmc", match: re(`DCPower(On|Off)`), means: rack.EventPower},
	{registry: "openbmc", match: re(`FirmwareUpdate(Completed|Failed)`), means: rack.EventJob},
	{registry: "openbmc", match: re(`BMCBootReason|BMCRebootReason`), means: rack.EventBMC},

	{registry: "idrac", keys: "LCS0003", means: rack.EventLeak},
	{registry: "idrac", keys: "LCS0004", means: rack.EventDetector},
	{registry: "idrac", match: re(`TMP01(03|04|09|10|15|16|21|22|27|28|33|34|42|47)|TMP020[34]|CPU0001|MEM0010|HWC5035|PSU0033|PDR117`), means: rack.EventHot},
	{registry: "idrac", match: re(`PSU0(001|03[4-69]|04[0-3]|047|049|912)|PSU1001|RDU0015`), means: rack.EventShelf},
	{registry: "idrac", match: re(`PSU000[34]|PSU0908|PSU1000|PSU1003`), means: rack.EventPowerLoss},
	{registry: "idrac", match: re(`LCS000[257]|PSU00(17|19|46|48)`), means: rack.EventAllClear},
	{registry: "idrac", match: re(`JCP00[378]|JCP037|JCP042|PR19|PR21|RED063`), means: rack.EventJob},
	{registry: "idrac", keys: "SYS1000 SYS1001", means: rack.EventPower},
	{registry: "idrac", keys: "PSU1002 PSU0000 PSUA0016", means: rack.EventInventory},

	{registry: "iloevents", match: re(`ThermalStatus(Failure|DegradedSysContinue|DegradedSysShutdown)|PowerFailure(CpuThermalTrip|ErrorTempAboveCritical)|` +
		`UserDefThresholdCriticalAlert|PCIeDiskTemperatureFailed|StorageSystemTemperatureFailed`), means: rack.EventHot},
	{registry: "iloevents", keys: "PowerSupplyFailed NoPowerSupplyDetected", means: rack.EventShelf},
	{registry: "iloevents", keys: "PowerSupplyACPowerLoss PowerFailureErrorInputPowerLoss", means: rack.EventPowerLoss},
	{registry: "iloevents", match: re(`ThermalStatusOK|PowerSupplyOK|PowerRedundancyRestored|PCIeDiskTemperatureOk|UserDefThresholdRestoredAlert`), means: rack.EventAllClear},
	{registry: "iloresourceevents", keys: "ServerPoweredOn ServerPoweredOff", means: rack.EventPower},
	{registry: "iloresourceevents", match: re(`PowerSupply(Inserted|Removed)`), means: rack.EventInventory},
	{registry: "iloresourceevents", match: re(`(Temperature|PowerSupplies|LiquidCooling)Health(Ok|OK)`), means: rack.EventAllClear},

	{registry: "eventregistry", keys: "FQXSPMA0012M FQXSPPU0001N", means: rack.EventHot},
	{registry: "eventregistry", match: re(`FQXSPCA00(08M|09M|10N|11N)`), means: rack.EventHot, only: ofTemperature},
	{registry: "eventregistry", keys: "FQXSPPW0002L FQXSPCA0035M", means: rack.EventShelf, only: about(rack.EventShelf)},
	{registry: "eventregistry", keys: "FQXSPPW0006I", means: rack.EventPowerLoss},
	{registry: "eventregistry", keys: "FQXSPMA2012I FQXSPPU2001I FQXSPPW2002I", means: rack.EventAllClear},
	{registry: "eventregistry", match: re(`FQXSPPP40(25|28|29|33|34|35|36|37|40|41)I`), means: rack.EventPower},
	{registry: "eventregistry", match: re(`FQXSPPP40(42|43|44|45|47|49)I`), means: rack.EventBMC},

	{registry: "event", keys: "SystemPowerAction", means: rack.EventPower}, // Supermicro

	{registry: "eventlog", keys: "StatusChange", means: rack.EventLeak, only: both(becameCritical, about(rack.EventLeak))},
	{registry: "eventlog", keys: "StatusChange", means: rack.EventShelf, only: both(becameCritical, about(rack.EventShelf))},
	{registry: "eventlog", keys: "StatusChange", means: rack.EventHot, only: both(becameCritical, about(rack.EventHot))},
	{registry: "eventlog", keys: "StatusChange", means: rack.EventCondition, only: becameCritical},
	{registry: "eventlog", keys: "ResourceUpdated StatusChange", means: rack.EventPower, only: func(e rack.Event) bool { return len(e.Args) > 0 && e.Args[0] == "PowerState" }},
	{registry: "eventlog", keys: "ResourceAdded ResourceRemoved", means: rack.EventInventory},
}

// known tells whether the registry is one whose messages are in the table: what it does not name there is no peril.
func known(registry string) bool {
	return registry != "" && slices.ContainsFunc(rules, func(r rule) bool { return r.registry == registry })
}

// vague tells whether a message says no more than that something is bad.
func vague(key string) bool {
	switch key {
	case "Alert", "TriggerAlert", "ResourceStatusChangedCritical", "ResourceErrorThresholdExceeded", "FQXSPCA0016M", "FQXSPCA0017M":
		return true
	}
	return false
}

// The words by which a Critical event is told when nothing else tells it. Cold is no heat.
var (
	leakWords  = regexp.MustCompile(`(?i)leak`)
	hotWords   = regexp.MustCompile(`(?i)over-?\s?temp|overheat|thermal trip|temperature.*(above|exceed|greater|high|critical|upper)|(high|critical) temperature`)
	shelfWords = regexp.MustCompile(`(?i)power ?supply|power ?supplies|power ?shelf|\bPSU[\s\d_-]|\bPSU$|PSU\.Slot|/PowerSupplies/`)
	tempWords  = regexp.MustCompile(`(?i)temp|thermal|/Temperatures/|TemperatureReadings`)
	bodyWords  = regexp.MustCompile(`(?i)LeakDetect`)
)

// subject tells what an event is about, by its origin first and then by its words.
func subject(e rack.Event) rack.EventKind {
	switch {
	case bodyWords.MatchString(e.Origin):
		return rack.EventLeak
	case strings.Contains(e.Origin, "/PowerSupplies/") || strings.Contains(e.Origin, "#/PowerSupplies"):
		return rack.EventShelf
	case strings.Contains(e.Origin, "Temperature") || strings.Contains(e.Origin, "/Sensors/") && tempWords.MatchString(e.Origin):
		return rack.EventHot
	}
	words := strings.Join(append(slices.Clone(e.Args), e.Text), " ")
	switch {
	case leakWords.MatchString(words) || leakWords.MatchString(e.MessageID):
		return rack.EventLeak
	case hotWords.MatchString(words):
		return rack.EventHot
	case shelfWords.MatchString(words):
		return rack.EventShelf
	}
	return rack.NoEventKind
}

func about(k rack.EventKind) func(rack.Event) bool {
	return func(e rack.Event) bool { return subject(e) == k }
}

func both(a, b func(rack.Event) bool) func(rack.Event) bool {
	return func(e rack.Event) bool { return a(e) && b(e) }
}

func critical(e rack.Event) bool { return e.Severity == "Critical" }

// becameCritical reads AMI's StatusChange: status, resource, from, to.
func becameCritical(e rack.Event) bool {
	return len(e.Args) == 4 && strings.EqualFold(e.Args[3], "Critical") || len(e.Args) != 4 && critical(e)
}

// ofTemperature tells whether a sensor measures heat: by its unit (SensorEvent's third argument), else by its name.
func ofTemperature(e rack.Event) bool {
	if len(e.Args) > 2 {
		switch strings.ToLower(strings.Trim(e.Args[2], "() ")) {
		case "cel", "c", "°c", "degrees c", "celsius":
			return true
		case "rpm", "v", "a", "w", "%", "pa", "kpa", "l/min", "hz":
			return false
		}
	}
	return tempWords.MatchString(e.Origin) || len(e.Args) > 0 && tempWords.MatchString(e.Args[0]) ||
		len(e.Args) == 0 && tempWords.MatchString(e.Text)
}
