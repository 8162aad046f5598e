package rack

// Facet is something that a survey leaves out, because reading it costs requests, and that a plan needs when the Design has a
// say about it.
type Facet string

// The facets.
const (
	FacetRegistry Facet = "bios_registry" // the BIOS attribute registry: about 1 MB a node
	FacetDrives   Facet = "drives"        // foreign configurations, spares and encryption of drives
	FacetErase    Facet = "erase"         // what erase each drive offers: a request a drive on some BMCs
	FacetLockdown Facet = "lockdown"      // whether the controller is locked down: one request, where it has such a thing
)

// Facets lists what planning this node needs beyond a survey.
func (n Node) Facets() []Facet {
	var out []Facet
	if n.BIOS != nil || n.TPM != nil || n.DPU != nil || n.SecureBoot != nil && n.SecureBoot.Mode != "" {
		out = append(out, FacetRegistry)
	}
	if n.Boot != nil && len(n.Boot.Order) > 0 {
		out = append(out, FacetLockdown)
	}
	if len(n.NICs) > 0 || n.DPU != nil {
		out = append(out, FacetNetwork)
	}
	if n.SecureBoot != nil {
		out = append(out, FacetSecureBoot)
	}
	if n.TPM != nil {
		out = append(out, FacetTPM)
	}
	if len(n.Volumes) > 0 || n.Disks != nil {
		out = append(out, FacetDrives)
	}
	if n.Erases() {
		out = append(out, FacetErase)
	}
	if n.BMC.Certificate != nil {
		out = append(out, FacetCertificates)
	}
	if n.BMC.Events != nil {
		out = append(out, FacetEvents)
	}
	if m := n.BMC.Manager; m != nil {
		out = append(out, FacetSettings)
		if len(m.Attributes) > 0 {
			out = append(out, FacetAttributes)
		}
	}
	return out
}

// Facets lists what planning a node of this design needs beyond a survey: its own facets, and neighbours when a fabric has it.
func (d Design) Facets(n Node) []Facet {
	out := n.Facets()
	for _, f := range d.Fabrics {
		for _, a := range f.Attach {
			if a == n.Address {
				return append(out, FacetNeighbours)
			}
		}
	}
	return out
}

// Erases tells whether undoing this node erases drives.
func (n Node) Erases() bool {
	if n.OnDestroy == "erase" {
		return true
	}
	for _, v := range n.Volumes {
		if v.OnDestroy == "erase" {
			return true
		}
	}
	return false
}
