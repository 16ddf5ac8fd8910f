// Loadlog-sample writes down the load average of now. A timer starts it.
package main

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"example.org/loadlog/record"
)

func main() {
	config := flag.String("config", "/etc/loadlog/loadlog.conf", "settings: a line \"keep = NUMBER\"")
	flag.Parse()
	if err := sample(*config, "/proc/loadavg", time.Now()); err != nil {
		fmt.Fprintln(os.Stderr, "loadlog-sample:", err)
		os.Exit(1)
	}
}

func sample(config, loadavg string, now time.Time) error {
	keep, err := readKeep(config)
	if err != nil {
		return err
	}
	file, err := record.File()
	if err != nil {
		return err
	}
	content, err := os.ReadFile(loadavg)
	if err != nil {
		return err
	}
	// Over 1, 5 and 15 minutes; proc_loadavg(5) has more fields.
	averages := strings.Fields(string(content))
	if len(averages) < 3 {
		return fmt.Errorf("%s: %q is no load average", loadavg, content)
	}
	return record.Add(file, now.UTC().Format(time.RFC3339)+" "+strings.Join(averages[:3], " "), keep)
}

func readKeep(config string) (int, error) {
	content, err := os.ReadFile(config)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(content)) {
		name, value, ok := strings.Cut(line, "=")
		if !ok || strings.TrimSpace(name) != "keep" {
			continue
		}
		keep, err := strconv.Atoi(strings.TrimSpace(value))
		if err != nil || keep < 1 {
			return 0, fmt.Errorf("%s: keep is %q, not a number from 1 on", config, strings.TrimSpace(value))
		}
		return keep, nil
	}
	return 0, fmt.Errorf("%s: no line \"keep = NUMBER\"", config)
}
