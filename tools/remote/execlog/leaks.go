package execlog

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// A Field is a part of a spawn's key.
type Field string

// The fields that are searched.
const (
	Argument            Field = "argument"
	EnvironmentVariable Field = "environment variable"
	PlatformProperty    Field = "platform property"
	InputFile           Field = "input"
	OutputPath          Field = "output"
)

// A Leak is a forbidden text in what a cache or a remote service is told of a spawn.
type Leak struct {
	// Spawn is its name, Output the first path that it promised.
	Spawn, Output string
	Field         Field
	// Name is that of the variable or property, or a path; empty for other fields.
	Name string
	// Text is the field's value.
	Text string
	// Forbidden is which of the texts it holds.
	Forbidden string
}

// Error says it all in a line, but not the field's value, which may be a secret.
func (l Leak) Error() string {
	where := string(l.Field)
	if l.Name != "" {
		where += fmt.Sprintf(" %q", l.Name)
	}
	return fmt.Sprintf("%s (%s): the %s holds the forbidden text %q", l.Spawn, l.Output, where, l.Forbidden)
}

// Leaks finds texts, as they are written, in what the log tells of all spawns' keys:
// arguments, variables, properties of the platform, paths of inputs and outputs, targets
// of symlinks. The content of inputs is not in the log, and so not searched: for one,
// that of parameter files.
func Leaks(log io.Reader, forbidden ...string) ([]Leak, error) {
	if len(forbidden) == 0 {
		return nil, errors.New("no forbidden texts: nothing would be found")
	}
	for _, text := range forbidden {
		if text == "" {
			return nil, errors.New("an empty forbidden text: it would be found everywhere")
		}
	}
	var leaks []Leak
	err := Scan(log, func(s *Spawn) error {
		search := func(field Field, name string, texts ...string) {
			for _, text := range texts {
				for _, word := range forbidden {
					if strings.Contains(text, word) {
						leak := Leak{Spawn: s.String(), Field: field, Name: name, Text: text, Forbidden: word}
						if len(s.Outputs) > 0 {
							leak.Output = s.Outputs[0]
						}
						leaks = append(leaks, leak)
					}
				}
			}
		}
		search(Argument, "", s.Arguments...)
		for _, v := range s.Environment {
			search(EnvironmentVariable, v.Name, v.Name, v.Value)
		}
		for _, v := range s.Platform.Properties {
			search(PlatformProperty, v.Name, v.Name, v.Value)
		}
		for _, input := range s.Inputs {
			file := input.Value()
			search(InputFile, file.Path, file.Path, file.Target)
		}
		search(OutputPath, "", s.Outputs...)
		return nil
	})
	return leaks, err
}
