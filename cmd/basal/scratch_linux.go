package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// unnamed opens a file in the folder for temporary files that never has a name,
// where the file system can do that.
func unnamed() (*os.File, error) {
	fd, err := unix.Open(os.TempDir(), unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return named()
	}
	return os.NewFile(uintptr(fd), os.TempDir()), nil
}
