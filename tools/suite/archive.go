package suite

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
)

// needed matches the files of a suite that systemd-analyze reads, portabled's profiles, and
// mount(8).
var needed = regexp.MustCompile(`^usr/(?:bin/(?:systemd-analyze|mount)$|lib/systemd/(?:systemd$|libsystemd-|system/|portable/profile/)|lib/[a-z0-9_]+-linux-gnu/(?:systemd/)?[^/]+\.so[^/]*$)`)

// OpenArchive unpacks the files of an archive that systemd-analyze needs below dir, and more files
// by their paths, and opens the result like [Open].
func OpenArchive(ctx context.Context, archive, dir string, more ...string) (*Root, error) {
	file, err := os.Open(archive)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	for files := tar.NewReader(file); ; {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			return Open(ctx, dir)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", archive, err)
		}
		name := path.Clean("/" + header.Name)[1:]
		if !needed.MatchString(name) && !slices.Contains(more, name) || header.Typeflag == tar.TypeDir {
			continue
		}
		if err := extract(files, header, dir, name); err != nil {
			return nil, fmt.Errorf("%s: %w", archive, err)
		}
	}
}

func extract(from io.Reader, header *tar.Header, dir, name string) error {
	to := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	if header.Typeflag == tar.TypeSymlink {
		return os.Symlink(header.Linkname, to)
	}
	file, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, from)
	return errors.Join(err, file.Close())
}
