package sim

import "fmt"

// The inlet of every machine, in degrees Celsius.
const (
	inletUsual = 22
	inletHot   = 52
	inletLimit = 47
)

// A GB200 tray shows temperatures as sensors (recorded), and no Thermal.
const (
	sensorsURI = "/redfish/v1/Chassis/Chassis_0/Sensors"
	sensorID   = "Chassis_0_Front_IO_Temp_0"
	sensorURI  = sensorsURI + "/" + sensorID
)

func (b *BMC) inlet() (reading int, health string) {
	if b.tell.hot {
		return inletHot, "Critical"
	}
	return inletUsual, "OK"
}

// thermalResource is the old style.
func (b *BMC) thermalResource() obj {
	reading, health := b.inlet()
	return obj{"@odata.type": b.dia.typ("Thermal"), "Id": "Thermal", "Name": "Thermal", "Fans": []any{}, "Temperatures": []any{obj{
		"@odata.id": b.dia.chassis() + "/Thermal#/Temperatures/0", "MemberId": "0", "Name": "Inlet Temp", "ReadingCelsius": reading,
		"UpperThresholdCritical": inletLimit, "PhysicalContext": "Intake", "Status": obj{"State": "Enabled", "Health": health}}}}
}

// sensorRoutes is the new style.
func sensorRoutes(b *BMC, m map[string]*route) {
	add(b, m, sensorsURI, &route{get: func(*call) obj {
		return collection("SensorCollection.SensorCollection", "Sensor Collection", []string{sensorURI})
	}})
	add(b, m, sensorURI, &route{get: func(*call) obj {
		reading, health := b.inlet()
		return obj{"@odata.type": "#Sensor.v1_7_0.Sensor", "Id": sensorID, "Name": "Chassis 0 Front IO Temp 0", "Reading": reading,
			"ReadingType": "Temperature", "ReadingUnits": "Cel", "Status": obj{"State": "Enabled", "Health": health},
			"Thresholds": obj{"UpperCritical": obj{"Reading": inletLimit}}}
	}})
}

// supplyStatus is the status of the i-th power supply, from 0.
func (b *BMC) supplyStatus(i int) obj {
	if b.tell.dead == i+1 {
		return obj{"State": "Enabled", "Health": "Critical"}
	}
	return enabled()
}

// chassisStatus rolls up what is in the chassis, where the vendor does so (recorded for Dell, HPE and GB200).
func (b *BMC) chassisStatus() obj {
	o := enabled()
	switch b.dia.name {
	case dialectIDRAC, dialectILO, dialectOpenBMC:
		o["HealthRollup"] = "OK"
		if b.tell.hot || b.tell.dead > 0 {
			o["HealthRollup"] = "Critical"
		}
	}
	return o
}

// leakURI is the detector that leaks.
func (b *BMC) leakURI() string {
	if b.dia.leaks == 0 {
		return ""
	}
	return fmt.Sprintf("/redfish/v1/Chassis/Chassis_0/ThermalSubsystem/LeakDetection/LeakDetectors/%s", leakID(1))
}
