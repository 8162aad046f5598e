package fabric

import "strings"

// splitNames divides alternatives: "ens3f0np0, mlx5_0".
func splitNames(s string) []string {
	var out []string
	for part := range strings.SplitSeq(s, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

// key compares names of devices and ports as people and switches write them: case does not count, nor what stands after the
// first dot of a host name.
func key(name string) string { return strings.ToLower(strings.TrimSpace(name)) }

func deviceKey(name string) string {
	k := key(name)
	if host, _, ok := strings.Cut(k, "."); ok && host != "" {
		return host
	}
	return k
}
