package fabric

import (
	"fmt"
	"math/bits"
	"net/netip"

	"github.com/metalwright/metalwright/internal/rack"
)

// firstASN is the first private AS number of four bytes (RFC 6996).
const firstASN = 4200000000

// leafASNs begin so far above the spines', which share one a plane.
const leafASNs = 100

// numbers gives AS numbers and addresses. The order is that of the full design, so attaching a node moves no address.
func (b *builder) numbers() {
	ethernet := b.f.Protocol == "Ethernet"
	if ethernet {
		if b.f.ASNBase == 0 {
			b.f.ASNBase = firstASN
		}
		for i := range b.f.Switches {
			s := &b.f.Switches[i]
			s.ASN = b.f.ASNBase + int64(max(s.Plane-1, 0))
			if s.Role == "leaf" {
				s.ASN = b.f.ASNBase + leafASNs + int64(i)
			}
		}
	}
	if b.f.Network == "" {
		return
	}
	pool, ok := b.pool()
	if !ok {
		return
	}
	s := b.shape
	ends := s.perUnit * s.units * s.rails * s.planes
	need := ends // one address an end (IPoIB)
	first := 1
	if ethernet { // a /31 a cable (RFC 3021), behind a block of loopbacks
		first = 1 << bits.Len(uint(len(b.f.Switches)))
		need = 2 * ends
	}
	if size := poolSize(pool); first+need > size {
		b.problem("fabric.addresses", "network", "Address pool too small", fmt.Sprintf(
			"The full design takes %d addresses: %d for ends of node cables, %d before them. %s has %d.", first+need, need, first, pool, size))
		return
	}
	if ethernet {
		for i := range b.f.Switches {
			b.f.Switches[i].Loopback = offset(pool, i+1).String() + "/32"
		}
	}
	for i := range b.f.Links {
		b.number(&b.f.Links[i], pool, first, ethernet)
	}
}

// number gives the ends of a node cable their addresses.
func (b *builder) number(l *rack.Link, pool netip.Prefix, first int, ethernet bool) {
	if l.A.Kind != "node" {
		return
	}
	row := 0
	for i, n := range b.nodes {
		if n.Name == l.A.Device {
			row = i
		}
	}
	at := (row*b.shape.rails+l.Rail-1)*b.shape.planes + max(l.Plane-1, 0)
	if !ethernet {
		l.A.Address = offset(pool, first+at).String() + fmt.Sprintf("/%d", pool.Bits())
		return
	}
	l.B.Address = offset(pool, first+2*at).String() + "/31"
	l.A.Address = offset(pool, first+2*at+1).String() + "/31"
}

// pool finds the network in the site of the attached nodes.
func (b *builder) pool() (netip.Prefix, bool) {
	var site rack.Address
	for _, n := range b.nodes {
		if r, _, ok := b.frame(n.Rack); ok && site == "" {
			site = r.Site
		}
	}
	for _, s := range b.d.Sites {
		if s.Address != site {
			continue
		}
		for _, n := range s.Networks {
			if p, err := netip.ParsePrefix(n.CIDR); n.Name == b.f.Network && err == nil && p.Addr().Is4() {
				return p.Masked(), true
			}
		}
	}
	b.problem("fabric.addresses", "network", "No such network", fmt.Sprintf("%s has no network %q with IPv4 addresses.", site, b.f.Network))
	return netip.Prefix{}, false
}

func poolSize(p netip.Prefix) int { return 1 << (32 - p.Bits()) }

func offset(p netip.Prefix, n int) netip.Addr {
	a := p.Addr().As4()
	v := uint32(a[0])<<24 | uint32(a[1])<<16 | uint32(a[2])<<8 | uint32(a[3])
	v += uint32(n)
	return netip.AddrFrom4([4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)})
}
