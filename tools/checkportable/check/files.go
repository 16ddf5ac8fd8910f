package check

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// Files checks the image that a spec declares, with the options in another file,
// and writes the report as text and as JSON.
func Files(spec, options, text, machine string) error {
	var o Options
	if err := readJSON(options, &o); err != nil {
		return fmt.Errorf("read options: %w", err)
	}
	img, err := Open(spec, o)
	if err != nil {
		return err
	}
	report := Run(img)
	return errors.Join(
		writeFile(text, report.WriteText),
		writeFile(machine, report.WriteJSON),
	)
}

// Verdict returns an error if the report has errors. It writes errors and warnings to w.
func Verdict(machine, output string, w io.Writer) error {
	var report Report
	if err := readJSON(machine, &report); err != nil {
		return fmt.Errorf("read report: %w", err)
	}
	if err := report.WriteErrors(w); err != nil {
		return err
	}
	if !report.Failed() {
		return os.WriteFile(output, nil, 0o644)
	}
	return fmt.Errorf("%s: the image would not work as it is meant; mend it, or give a reason in the attribute allow", report.Label)
}

func readJSON(name string, into any) error {
	content, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func writeFile(name string, write func(io.Writer) error) error {
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return err
	}
	return os.WriteFile(name, b.Bytes(), 0o644)
}
