package step

// Certificate has the HTTPS certificate of a BMC replaced: the BMC makes a key and a request, the site's authority signs it, the BMC
// installs it, and a handshake of its own proves it. Both certificates are trusted from before the installation until that proof.
//
//	Expect  sha256: fingerprint of the certificate shown, not_after: its end
//	Want    common_name, authority
//	Args    Method: CertificateRestarts where the BMC restarts by itself when it installs one
//
// Activation is BMCReset where an installed certificate is shown only after the BMC has restarted.
const Certificate Kind = "certificate"

// CertificateRestarts is the Method of a step that makes the BMC restart by itself.
const CertificateRestarts = "restarts"
