package secret

import (
	"crypto/rand"
	"fmt"
	"math/big"
)

// The characters of a password that is made here, by kind. Letters and digits that are easily taken for each other are left
// out, and so is every sign that a BMC or its command line is known to treat in its own way.
const (
	lowerLetters = "abcdefghijkmnpqrstuvwxyz"
	upperLetters = "ABCDEFGHJKLMNPQRSTUVWXYZ"
	digits       = "23456789"
	signs        = "-_."
)

// ShortestPassword is the least length that Generate makes.
const ShortestPassword = 8

// Generate makes a password of so many characters from the machine's random source: one of each kind at least, a letter first.
func Generate(length int) (Value, error) {
	if length < ShortestPassword {
		return Value{}, fmt.Errorf("a password of %d characters is too short", length)
	}
	all := lowerLetters + upperLetters + digits + signs
	for {
		out := make([]byte, length)
		kinds := map[byte]bool{}
		for i := range out {
			from := all
			if i == 0 {
				from = lowerLetters + upperLetters
			}
			n, err := rand.Int(rand.Reader, big.NewInt(int64(len(from))))
			if err != nil {
				return Value{}, fmt.Errorf("read the machine's random source: %w", err)
			}
			out[i] = from[n.Int64()]
			kinds[kindOf(out[i])] = true
		}
		if len(kinds) == 4 {
			return NewValue(string(out)), nil
		}
	}
}

func kindOf(c byte) byte {
	switch {
	case c >= 'a' && c <= 'z':
		return 'a'
	case c >= 'A' && c <= 'Z':
		return 'A'
	case c >= '0' && c <= '9':
		return '0'
	default:
		return '-'
	}
}
