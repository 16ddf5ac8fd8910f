package gpt

import (
	"encoding/hex"
	"fmt"
	"strings"
)

// A GUID is a universally unique identifier (RFC 9562) in the order in which it is printed.
// On a disk its first three fields are little-endian: UEFI Specification, appendix A.
type GUID [16]byte

// ParseGUID reads the printed form, such as 4f68bce3-e8cd-4db1-96e7-fbcaf984b709.
func ParseGUID(text string) (g GUID, err error) {
	digits, err := hex.DecodeString(strings.ReplaceAll(text, "-", ""))
	if err != nil || len(digits) != len(g) || GUID(digits).String() != strings.ToLower(text) {
		return g, fmt.Errorf("%q is not a UUID", text)
	}
	return GUID(digits), nil
}

// String returns the printed form, in lower case.
func (g GUID) String() string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", g[:4], g[4:6], g[6:8], g[8:10], g[10:])
}

// swapped turns the printed order into the disk's, and back.
func (g GUID) swapped() GUID {
	return GUID{g[3], g[2], g[1], g[0], g[5], g[4], g[7], g[6], g[8], g[9], g[10], g[11], g[12], g[13], g[14], g[15]}
}
