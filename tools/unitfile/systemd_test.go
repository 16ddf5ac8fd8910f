package unitfile

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"example.org/portable-walkthrough-go/tools/suite"
)

// generated returns a unit file of random pieces that matter to the lexer. Its directives make
// systemd report what it reads: it names unknown ones, and prints each word that is not an
// absolute path.
func generated(random *rand.Rand) string {
	pieces := []string{
		"a", "b", " ", "  ", "\t", `\`, `\\`, `\` + "\n", `\ ` + "\n", "\n", "\n", "\r\n", "# c\n", "; d\n", `"`, `'`, `"x y"`, "=", "e=f",
		"\nKey", "\nReadWritePaths=", "\n ReadWritePaths = ", "\n[Service]\n", "\nKey%d=1\n",
	}
	var b strings.Builder
	b.WriteString("[Service]\n")
	for i := range 40 {
		piece := pieces[random.IntN(len(pieces))]
		if strings.Contains(piece, "%d") {
			piece = fmt.Sprintf(piece, i)
		}
		b.WriteString(piece)
	}
	return b.String()
}

var (
	unknownKey = regexp.MustCompile(`^Unknown key (?:name )?'(.*)' in section`)
	noPath     = regexp.MustCompile(`(?s)^ReadWritePaths= path is not absolute, ignoring: (.*)$`)
)

// theirs returns what systemd reads, as far as it reports that, without the order.
func theirs(said []suite.Said) []string {
	var all []string
	for _, s := range said {
		if m := unknownKey.FindStringSubmatch(s.Text); m != nil {
			all = append(all, "key "+m[1])
		} else if m := noPath.FindStringSubmatch(s.Text); m != nil {
			all = append(all, "word "+m[1])
		} else if strings.HasPrefix(s.Text, "Missing '='") || strings.HasPrefix(s.Text, "Missing key name") {
			all = append(all, "problem")
		}
	}
	slices.Sort(all)
	return all
}

func ours(content string) []string {
	var all []string
	f := Parse([]byte(content))
	for _, a := range f.Assignments {
		if a.Name != "ReadWritePaths" {
			all = append(all, "key "+a.Name)
			continue
		}
		words, _ := Split(a.Value, Blanks, Unquote)
		for _, word := range words {
			all = append(all, "word "+word)
		}
	}
	for _, p := range f.Problems {
		if p.Kind == Syntax {
			all = append(all, "problem")
		}
	}
	slices.Sort(all)
	return all
}

// systemd reads generated units as we do: the same directives, words and broken lines.
func TestSystemdReadsTheSame(t *testing.T) {
	for _, root := range suite.All(t) {
		random := rand.New(rand.NewPCG(1, 2))
		dir := t.TempDir()
		contents := map[string]string{}
		var files []string
		for i := range 500 {
			name := fmt.Sprintf("probe%d.service", i)
			contents[name] = generated(random)
			file, err := suite.Write(dir, name, contents[name])
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, file)
		}
		said, err := root.Verify(t.Context(), files...)
		if err != nil {
			t.Fatal(err)
		}
		read := 0
		for _, file := range files {
			name := filepath.Base(file)
			want, got := theirs(said[name]), ours(contents[name])
			read += len(want)
			if !slices.Equal(got, want) {
				t.Errorf("systemd %d reads %q\n\tas %q\n\twe as %q", root.Version, contents[name], want, got)
			}
		}
		if read < 1000 {
			t.Errorf("systemd %d says of only %d things that it reads them", root.Version, read)
		}
	}
}
