package engine

import (
	"path/filepath"
	"strings"

	"github.com/metalwright/metalwright/internal/fabric"
	"github.com/metalwright/metalwright/internal/rack"
)

// VerifyNVLink reads outputs of nvidia-smi -q, one file a host and named after it, and judges the NVLink of every node. What
// cannot be read is told, and its node is unknown.
func (w *Workspace) VerifyNVLink(paths []string) (fabric.NVLinkFindings, []rack.Gap) {
	var told []fabric.NVLinkGPU
	var gaps []rack.Gap
	for _, p := range paths {
		files, err := filesOf(p)
		if err != nil {
			gaps = append(gaps, rack.Gap{Address: p, Reason: cause(err).Error()})
		}
		for _, file := range files {
			b, err := readWhole(file)
			if err != nil {
				gaps = append(gaps, rack.Gap{Address: file, Reason: err.Error()})
				continue
			}
			name, _, _ := strings.Cut(filepath.Base(file), ".")
			gpus, err := fabric.ReadNVLink(name, b)
			if err != nil {
				gaps = append(gaps, rack.Gap{Address: file, Reason: err.Error()})
				continue
			}
			told = append(told, gpus...)
		}
	}
	return fabric.VerifyNVLink(w.Design, told), gaps
}
