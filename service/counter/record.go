package counter

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"
)

// encode returns the record: the count in 20 digits, enough for any uint64, and
// the CRC-32 of these digits. It is IEEE's CRC-32, because the start would take
// longer with CRC-32C, whose tables take ten times as long to compute.
func encode(count uint64) []byte {
	digits := fmt.Appendf(nil, "%020d", count)
	return fmt.Appendf(nil, "visitors %s crc32 %08x\n", digits, crc32.ChecksumIEEE(digits))
}

// decode returns the count of a record, or false if encode does not return that record.
func decode(record []byte) (uint64, bool) {
	fields := bytes.Fields(record)
	if len(fields) < 2 {
		return 0, false
	}
	count, err := strconv.ParseUint(string(fields[1]), 10, 64)
	return count, err == nil && bytes.Equal(encode(count), record)
}

// load reads the count, and refuses anything but an exact record.
func load(file file) (uint64, error) {
	want := encode(0)
	// One byte more shows a file that is too long.
	content := make([]byte, len(want)+1)
	n, err := file.ReadAt(content, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, fmt.Errorf("read counter: %w", err)
	}
	if count, ok := decode(content[:n]); ok {
		return count, nil
	}
	size, err := file.Size()
	if err != nil {
		return 0, fmt.Errorf("read counter: %w", err)
	}
	return 0, fmt.Errorf("counter %q is damaged: it has %d bytes, starting with %q, instead of %d like %q; it was not changed; restore it from a backup, or remove it to start at 1 again",
		file.Name(), size, content[:n], len(want), want)
}

// save writes the record over the one before and waits until it is on disk.
func save(file file, count uint64) error {
	if _, err := file.WriteAt(encode(count), 0); err != nil {
		return fmt.Errorf("write counter: %w", err)
	}
	if err := file.Sync(); err != nil {
		return fmt.Errorf("write counter to disk: %w", err)
	}
	return nil
}
