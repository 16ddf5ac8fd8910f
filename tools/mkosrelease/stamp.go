package main

import (
	"bufio"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
)

// stamp sets fields to values of Bazel's workspace status: stamps are its keys, by
// field.
func stamp(fields, stamps map[string]string, statusFiles []string) error {
	if len(stamps) == 0 {
		return nil
	}
	status := make(map[string]string)
	for _, name := range statusFiles {
		if err := readStatus(name, status); err != nil {
			return err
		}
	}
	for _, field := range slices.Sorted(maps.Keys(stamps)) {
		key := stamps[field]
		value := status[key]
		if value == "" {
			way := fmt.Sprintf("have your --workspace_status_command print a line \"%s VALUE\"", key)
			if key == "BUILD_EMBED_LABEL" {
				way = "give it with --embed_label"
			}
			return fmt.Errorf("attribute \"stamped\": the workspace status has no %s for %s; %s, or build without --stamp (the status has %s)",
				key, field, way, strings.Join(slices.Sorted(maps.Keys(status)), ", "))
		}
		fields[field] = value
	}
	return nil
}

func readStatus(name string, into map[string]string) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		key, value, _ := strings.Cut(lines.Text(), " ")
		into[key] = strings.TrimSpace(value)
	}
	return lines.Err()
}
