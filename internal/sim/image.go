package sim

import (
	"bytes"

	"github.com/metalwright/metalwright/firmware"
)

// image is what a firmware package says that it is.
type image struct {
	platform, component, version string
}

// parseImage reads a PLDM package (DSP0267); those of the simulator name platform, component and version in their version
// string.
func parseImage(data []byte) (image, error) {
	p, err := firmware.ParsePackage(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return image{}, err
	}
	hw, comp, version, ok := firmware.ParseSimulatedName(p.Version)
	if !ok {
		return image{}, firmware.ErrNotPackage
	}
	return image{hw, comp, version}, nil
}
