package execlog

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
)

// A record is a spawn as Bazel writes it.
type record map[string]any

// compile is a spawn that makes one file of some others, "PATH=CONTENT" each.
func compile(label, output, key string, inputs ...string) record {
	return record{
		"mnemonic": "Compile", "targetLabel": label, "runner": "linux-sandbox",
		"cacheable": true, "remoteCacheable": true,
		"commandArgs":          []string{"compile", "-o", name(output)},
		"environmentVariables": []record{{"name": "PATH", "value": "/bin"}},
		"listedOutputs":        []string{name(output)},
		"actualOutputs":        files(output),
		"inputs":               files(inputs...),
		"digest":               digest(key),
		"timeoutMillis":        "0",
	}
}

func name(file string) string {
	path, _, _ := strings.Cut(file, "=")
	return path
}

func files(all ...string) []record {
	records := []record{}
	for _, file := range all {
		path, content, _ := strings.Cut(file, "=")
		records = append(records, record{"path": path, "digest": digest(content)})
	}
	return records
}

func digest(content string) record {
	return record{"hash": content, "sizeBytes": fmt.Sprint(len(content)), "hashFunctionName": "SHA-256"}
}

func (r record) with(field string, value any) record {
	r[field] = value
	return r
}

func (r record) hit() record {
	return r.with("runner", DiskCacheHit).with("cacheHit", true)
}

func logOf(t *testing.T, records ...record) io.Reader {
	t.Helper()
	var text strings.Builder
	for _, r := range records {
		line, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		text.Write(line)
	}
	return strings.NewReader(text.String())
}

func read(t *testing.T, records []record) []*Spawn {
	t.Helper()
	spawns, err := Read(logOf(t, records...))
	if err != nil {
		t.Fatal(err)
	}
	return spawns
}
