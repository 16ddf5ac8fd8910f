package inventory

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// License gives components their licenses: SPDX expressions by the names of components. A
// license of a component that the image does not have is an error.
func (inv *Inventory) License(licenses map[string]string) error {
	used := map[string]bool{}
	for i := range inv.Components {
		c := &inv.Components[i]
		if expression := licenses[c.Name]; expression != "" {
			c.License = expression
			used[c.Name] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(licenses)) {
		if !used[name] {
			return fmt.Errorf("sbom_licenses: no program of the image contains the module %q; remove it, or write one of %s", name, strings.Join(inv.names(), ", "))
		}
	}
	return nil
}

func (inv *Inventory) names() []string {
	var names []string
	for _, c := range inv.Components {
		names = append(names, c.Name)
	}
	return slices.Compact(names)
}
