package inventory

import (
	"context"
	"strings"

	"github.com/metalwright/metalwright/internal/bmc/redfish"
	"github.com/metalwright/metalwright/internal/rack"
)

// readCertificates reads how the certificate can be replaced (facet certificates).
func (r *reader) readCertificates(ctx context.Context, manager *redfish.Resource) {
	if manager == nil || !r.wants(rack.FacetCertificates) {
		return
	}
	s := CertificateService(r.root, manager.Obj, func(link string) redfish.Object {
		if res := r.get(ctx, link); res != nil {
			return res.Obj
		}
		return nil
	}, func(link string) []string {
		var out []string
		for _, m := range r.members(ctx, link) {
			out = append(out, m.URI)
		}
		return out
	})
	id := redfish.Identity{Dialect: r.dev.BMC.Dialect, Vendor: r.dev.BMC.Vendor, BMCVersion: r.dev.BMC.FirmwareVersion}
	Mannered(&s, id)
	r.dev.Certificates = &s
}

// Mannered adds what no service announces: how a controller names keys, and what it takes until it shows an installed certificate.
func Mannered(s *rack.CertificateService, id redfish.Identity) {
	q := redfish.Quirks(id)
	s.AfterReset, s.Restarts = q.Does(redfish.CertByReset), q.Does(redfish.CertRestarts)
	s.Plain = s.Form == rack.FormRedfish && id.Dialect == "openbmc" && len(s.Algorithms) == 0 && s.MaxBits == 0
	if s.Form == rack.FormRedfish && len(s.Required) == 0 { // bmcweb and iDRAC refuse a request without one of these, and tell no list
		s.Required = []string{"City", "CommonName", "Country", "Organization", "OrganizationalUnit", "State"}
	}
}

// CertificateService finds the service from the root and the manager that serves. get reads a resource, nil when there is none;
// members lists the URIs of a collection. HPE's own comes first: its standard service has no action that installs an HTTPS
// certificate, and makes requests for platform certificates only.
func CertificateService(root, manager redfish.Object, get func(link string) redfish.Object, members func(link string) []string) rack.CertificateService {
	if security := get(manager.Link("Oem", "Hpe", "Links", "SecurityService")); security != nil {
		if link := security.Link("Links", "HttpsCert"); link != "" {
			return hpeService(link, get(link))
		}
	}
	service := get(root.Link("CertificateService"))
	if service == nil {
		return rack.CertificateService{}
	}
	s := rack.CertificateService{Form: rack.FormRedfish}
	csr := service.Obj("Actions", "#CertificateService.GenerateCSR")
	s.GenerateCSR = csr.Str("target")
	s.Install = service.Obj("Actions", "#CertificateService.ReplaceCertificate").Str("target")
	s.Algorithms, s.Curves = csr.Strs("KeyPairAlgorithm@Redfish.AllowableValues"), csr.Strs("KeyCurveId@Redfish.AllowableValues")
	if info := csr.Str("@Redfish.ActionInfo"); info != "" {
		csrParameters(&s, get(info))
	}
	if protocol := get(manager.Link("NetworkProtocol")); protocol != nil {
		s.Collection = protocol.Link("HTTPS", "Certificates")
	}
	if s.Collection != "" {
		if list := members(s.Collection); len(list) > 0 {
			s.Resource = list[0]
		}
	}
	return s
}

// csrParameters reads what an ActionInfo says of GenerateCSR.
func csrParameters(s *rack.CertificateService, info redfish.Object) {
	for _, p := range info.Objs("Parameters") {
		switch p.Str("Name") {
		case "KeyPairAlgorithm":
			s.Algorithms = union(s.Algorithms, p.Strs("AllowableValues")...)
		case "KeyCurveId":
			s.Curves = union(s.Curves, p.Strs("AllowableValues")...)
		case "KeyBitLength":
			s.MinBits, _ = p.Int("MinimumValue")
			s.MaxBits, _ = p.Int("MaximumValue")
		}
		if required, _ := p.Bool("Required"); required {
			s.Required = append(s.Required, p.Str("Name"))
		}
	}
}

func hpeService(link string, https redfish.Object) rack.CertificateService {
	s := rack.CertificateService{Form: rack.FormHPE, Resource: link}
	for name := range https.Obj("Actions") {
		switch target := https.Obj("Actions", name).Str("target"); {
		case strings.HasSuffix(name, ".GenerateCSR"):
			s.GenerateCSR = target
		case strings.HasSuffix(name, ".ImportCertificate"):
			s.Install = target
		}
	}
	s.Required = []string{"City", "CommonName", "Country", "Organization", "State"} // HpeHttpsCert.GenerateCSR: all but OrgUnit
	return s
}
