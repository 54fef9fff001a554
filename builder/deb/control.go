package deb

import (
	"archive/tar"
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/basal-project/basal/builder/debian"
	"github.com/basal-project/basal/internal/unxz"
)

// scripts are the programs that dpkg and debconf run, deb-control(5).
var scripts = []string{"config", "postinst", "postrm", "preinst", "prerm"}

// readControl reads control.tar.
func readControl(m member, meta *Meta) error {
	return unpack(m, maxControl, func(r io.Reader) error {
		files, err := controlFiles(r, "")
		if err != nil {
			return err
		}
		meta.Triggers = files["triggers"]
		meta.Conffiles = lines(files["conffiles"])
		for _, s := range scripts {
			if _, ok := files[s]; ok {
				meta.Scripts = append(meta.Scripts, s)
			}
		}
		return meta.parse(files)
	})
}

// controlPrefix is how far the control file is looked for on its own, in bytes.
// It stands near the beginning of control.tar, before the checksums and the
// translations of debconf's questions, which can be larger than the package.
const controlPrefix = 64 << 10

// readControlFile reads nothing of control.tar but the control file, if it can
// be had for less than the whole. Nobody who builds needs more.
func readControlFile(m member, meta *Meta) error {
	if m.extension() != ".xz" {
		return readControl(m, meta)
	}
	var used bytes.Buffer
	files, err := controlFiles(unxz.NewPrefixReader(io.TeeReader(m.body, &used), controlPrefix), "control")
	if err == nil && files["control"] != nil {
		if err := meta.parse(files); err != nil {
			return err
		}
		return m.skip()
	}
	m.body = &io.LimitedReader{R: io.MultiReader(&used, m.body), N: int64(used.Len()) + m.body.N}
	return readControl(m, meta)
}

// controlFiles returns the files of a control.tar, all of which stand at the
// top, up to the one named last; "" is for all.
func controlFiles(r io.Reader, last string) (map[string][]byte, error) {
	buffered := bufio.NewReader(r)
	t := tar.NewReader(buffered)
	files := map[string][]byte{}
	for {
		h, err := t.Next()
		if err == io.EOF {
			return files, drain(buffered)
		}
		if err != nil {
			return nil, err
		}
		name := strings.TrimPrefix(h.Name, "./")
		switch {
		case h.Typeflag == tar.TypeDir && (name == "" || name == "."):
			continue
		case h.Typeflag != tar.TypeReg || name == "" || strings.Contains(name, "/"):
			return nil, fmt.Errorf("entry %q is not a plain file at the top", h.Name)
		}
		if _, twice := files[name]; twice {
			return nil, fmt.Errorf("two entries %q", name)
		}
		// No capacity from the header: only what is there takes memory.
		if files[name], err = io.ReadAll(t); err != nil {
			return nil, err
		}
		if name == last {
			return files, nil
		}
	}
}

// drain reads what follows the end of a tar archive: zeros that fill a record,
// and the checks of the compression below.
func drain(r io.Reader) error {
	buf := make([]byte, 4<<10)
	for {
		n, err := r.Read(buf)
		if slices.ContainsFunc(buf[:n], func(b byte) bool { return b != 0 }) {
			return errors.New("data after the end of the tar archive")
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// lines returns the lines of b that are not empty.
func lines(b []byte) []string {
	return slices.DeleteFunc(strings.Split(string(b), "\n"), func(l string) bool { return strings.TrimSpace(l) == "" })
}

// parse finds the fields that this package speaks of. The file is one paragraph.
func (m *Meta) parse(files map[string][]byte) error {
	control, ok := files["control"]
	if !ok {
		return errors.New("the control file is missing")
	}
	m.Control = control
	s := debian.NewScanner(bytes.NewReader(m.Control))
	s.Scan()
	fields := s.Stanza()
	m.Name, m.Version, m.Architecture = fields.Fold("Package"), fields.Fold("Version"), fields.Fold("Architecture")
	var err error
	if m.Replaces, err = debian.ParseDepends(fields.Fold("Replaces")); err != nil {
		return fmt.Errorf("control file: Replaces: %w", err)
	}
	if s.Scan() {
		return errors.New("control file: want one paragraph, found more")
	}
	if err := s.Err(); err != nil {
		return fmt.Errorf("control file: %w", err)
	}
	// They become names of files and parts of URLs.
	if err := debian.CheckName(m.Name); err != nil {
		return fmt.Errorf("control file: Package: %w", err)
	}
	if _, err := debian.ParseVersion(m.Version); err != nil {
		return fmt.Errorf("control file: Version: %w", err)
	}
	if err := debian.CheckName(m.Architecture); err != nil {
		return fmt.Errorf("control file: Architecture: %w", err)
	}
	return nil
}
