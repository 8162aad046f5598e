package residency

import (
	"slices"
	"strings"
)

// countryCodes are the officially assigned codes of ISO 3166-1 alpha-2.
const countryCodes = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR " +
	"BS BT BV BW BY BZ " +
	"CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO " +
	"FR " +
	"GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM " +
	"JO JP " +
	"KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR " +
	"MS MT " +
	"MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS " +
	"RU RW " +
	"SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ " +
	"UA UG " +
	"UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW"

// euMembers are the member states of the European Union.
const euMembers = "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK"

// genericCountryDomains are country-code domains that are registered world-wide as if they were generic: they say
// nothing
// about where a host stands.
const genericCountryDomains = "ai cc co fm gg io is la me nu sh so to tv vc ws"

// Jurisdictions lists what a region may name: the ISO codes and EU.
func Jurisdictions() []string { return append(strings.Fields(countryCodes), "EU") }

// ValidCountry tells whether code is an assigned ISO 3166-1 alpha-2 code, in upper case.
func ValidCountry(code string) bool { return slices.Contains(strings.Fields(countryCodes), code) }

// ValidJurisdiction tells whether code is a country or EU.
func ValidJurisdiction(code string) bool { return code == "EU" || ValidCountry(code) }

// Within tells whether a country or jurisdiction lies in one of the allowed ones; EU holds its members.
func Within(code string, allowed []string) bool {
	for _, a := range allowed {
		if a == code || a == "EU" && slices.Contains(strings.Fields(euMembers), code) {
			return true
		}
	}
	return false
}

// A place is where a name says that something is, and what in the name says so.
type place struct {
	country string
	because string
}

// placeOf reads a host name without asking anybody: a public service with a known seat, the region of a cloud, or a
// country
// domain. It returns false when the name says nothing.
func placeOf(host string) (place, bool) {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	for _, p := range publicHosts {
		if host == p.suffix || strings.HasSuffix(host, "."+p.suffix) {
			return place{p.country, p.suffix + " is a public service"}, true
		}
	}
	for label := range strings.SplitSeq(host, ".") {
		if c, name, ok := cloudRegion(label); ok {
			return place{c, name + " is a cloud region"}, true
		}
	}
	last := host[strings.LastIndexByte(host, '.')+1:]
	if len(last) != 2 || last == host || slices.Contains(strings.Fields(genericCountryDomains), last) {
		return place{}, false
	}
	switch last {
	case "uk":
		return place{"GB", ".uk is a country domain"}, true
	case "eu":
		return place{"EU", ".eu is the domain of the EU"}, true
	}
	if ValidCountry(strings.ToUpper(last)) {
		return place{strings.ToUpper(last), "." + last + " is a country domain"}, true
	}
	return place{}, false
}

// cloudRegion finds the name of a cloud region in one label of a host name: whole, or between dashes.
func cloudRegion(label string) (country, region string, ok bool) {
	parts := strings.Split(label, "-")
	for size := min(4, len(parts)); size >= 1; size-- {
		for i := 0; i+size <= len(parts); i++ {
			name := strings.Join(parts[i:i+size], "-")
			if c, found := cloudRegions[name]; found {
				return c, name, true
			}
			for _, g := range cloudRegionStems {
				if n, cut := strings.CutPrefix(name, g.stem); cut && isNumber(n) {
					return g.country, name, true
				}
			}
		}
	}
	return "", "", false
}

func isNumber(s string) bool {
	if s == "" || len(s) > 2 {
		return false
	}
	return strings.Trim(s, "0123456789") == ""
}

// publicHosts are services that a site must mirror rather than call; the list follows the talkers of the sovereignty
// design
// and the usual upstream registries. Their operators are in the country given.
var publicHosts = []struct{ suffix, country string }{
	{"nvidia.com", "US"}, {"nvcr.io", "US"}, {"ngc.nvidia.com", "US"},
	{"docker.io", "US"}, {"docker.com", "US"}, {"quay.io", "US"}, {"ghcr.io", "US"}, {"gcr.io", "US"}, {"pkg.dev",
		"US"},
	{"registry.k8s.io", "US"}, {"k8s.io", "US"}, {"github.com", "US"}, {"githubusercontent.com", "US"}, {"pypi.org",
		"US"},
	{"pythonhosted.org", "US"}, {"npmjs.org", "US"}, {"huggingface.co", "US"}, {"dell.com", "US"}, {"hpe.com", "US"},
	{"supermicro.com", "US"}, {"googleapis.com", "US"}, {"google.com", "US"}, {"ubuntu.com", "GB"}, {"canonical.com",
		"GB"},
	{"windows.net", "US"}, {"pool.ntp.org", "US"}, {"cloudflare.com", "US"},
}

// cloudRegions are region names without a trailing number (Azure's style).
var cloudRegions = map[string]string{
	"australiaeast": "AU", "australiasoutheast": "AU", "australiacentral": "AU", "australiacentral2": "AU",
	"japaneast": "JP", "japanwest": "JP", "southeastasia": "SG", "eastasia": "HK", "malaysiawest": "MY",
	"koreacentral": "KR", "koreasouth": "KR", "centralindia": "IN", "southindia": "IN", "westindia": "IN",
	"eastus": "US", "eastus2": "US", "westus": "US", "westus2": "US", "westus3": "US", "centralus": "US",
	"northcentralus": "US", "southcentralus": "US", "westcentralus": "US", "canadacentral": "CA", "canadaeast": "CA",
	"northeurope": "IE", "westeurope": "NL", "uksouth": "GB", "ukwest": "GB", "francecentral": "FR",
	"francesouth":        "FR",
	"germanywestcentral": "DE", "germanynorth": "DE", "switzerlandnorth": "CH", "switzerlandwest": "CH",
	"norwayeast": "NO", "norwaywest": "NO", "swedencentral": "SE", "polandcentral": "PL", "italynorth": "IT",
	"spaincentral": "ES", "uaenorth": "AE", "uaecentral": "AE", "qatarcentral": "QA", "israelcentral": "IL",
	"southafricanorth": "ZA", "southafricawest": "ZA", "brazilsouth": "BR", "newzealandnorth": "NZ",
	"indonesiacentral": "ID", "mexicocentral": "MX", "austriaeast": "AT",
	// Names that end in a number whose stem does not tell the country.
	"ap-southeast-1": "SG", "ap-southeast-2": "AU", "ap-southeast-3": "ID", "ap-southeast-4": "AU",
	"ap-southeast-5": "MY",
	"ap-southeast-6": "NZ", "ap-southeast-7": "TH", "ap-northeast-1": "JP", "ap-northeast-2": "KR",
	"ap-northeast-3": "JP",
	"eu-west-1":      "IE", "eu-west-2": "GB", "eu-west-3": "FR", "eu-central-1": "DE", "eu-central-2": "CH",
	"eu-north-1": "SE",
	"eu-south-1": "IT", "eu-south-2": "ES", "me-south-1": "BH", "me-central-1": "AE", "me-central-2": "SA",
	"il-central-1": "IL", "af-south-1": "ZA",
	"ap-east-1": "HK", "ap-east-2": "TW", "ap-south-1": "IN", "ap-south-2": "IN", "ca-central-1": "CA",
	"ca-west-1": "CA",
	"sa-east-1": "BR", "mx-central-1": "MX",
	"asia-east1": "TW", "asia-east2": "HK", "asia-northeast1": "JP", "asia-northeast2": "JP", "asia-northeast3": "KR",
	"asia-south1": "IN", "asia-south2": "IN", "asia-southeast1": "SG", "asia-southeast2": "ID", "asia-southeast3": "TH",
	"europe-west1": "BE", "europe-west2": "GB", "europe-west3": "DE", "europe-west4": "NL", "europe-west6": "CH",
	"europe-west8": "IT", "europe-west9": "FR", "europe-west10": "DE", "europe-west12": "IT", "europe-north1": "FI",
	"europe-north2": "SE", "europe-central2": "PL", "europe-southwest1": "ES", "me-west1": "IL", "me-central1": "QA",
	"me-central2": "SA", "africa-south1": "ZA", "southamerica-east1": "BR", "southamerica-west1": "CL",
}

// cloudRegionStems are names whose stem tells the country, whatever the number.
var cloudRegionStems = []struct{ stem, country string }{
	{"us-east-", "US"}, {"us-west-", "US"}, {"us-gov-east-", "US"}, {"us-gov-west-", "US"}, {"cn-north-", "CN"},
	{"cn-northwest-", "CN"}, {"us-central", "US"}, {"us-east", "US"}, {"us-west", "US"}, {"us-south", "US"},
	{"australia-southeast", "AU"}, {"northamerica-northeast", "CA"}, {"northamerica-south", "MX"},
}
