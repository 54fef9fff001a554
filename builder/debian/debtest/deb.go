package debtest

import (
	"archive/tar"
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/md5"
	"fmt"
	"io"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// Deb describes a .deb file. Only Name is required; the zero value of the rest
// gives version 1.0, architecture all, xz and a fixed time.
type Deb struct {
	Name       string
	Version    string
	Arch       string // Debian's name or "all"
	Source     string // the Source field; absent when empty
	Depends    string
	PreDepends string
	Provides   string
	Replaces   string
	Control    string // further control fields, whole lines each with its newline

	Files   map[string]string // path to content: 0644 root:root, parents made 0755, with "./" names as dpkg-deb writes
	Entries []Entry           // written after Files exactly as they are, however hostile
	Scripts map[string]string // further members of control.tar: preinst, postinst, triggers, conffiles, …

	Compression string    // of both tars: xz (default), gz, zst or none
	XZBlock     int64     // bytes of content per xz block of data.tar; 0 means one block
	MTime       time.Time // of the ar members and the tar entries

	// Members may change, drop, add or reorder the ar members before they are
	// written.
	Members func([]Member) []Member
}

// Entry is one raw tar entry. Size is filled in from Content when it is 0.
type Entry struct {
	Header  tar.Header
	Content []byte
}

// Member is one member of the ar file that a .deb is.
type Member struct {
	Name string
	Data []byte
}

// DefaultTime is the time of members and entries of a Deb that names none.
var DefaultTime = time.Date(2025, 5, 1, 10, 20, 30, 0, time.UTC)

func (d Deb) withDefaults() Deb {
	d.Version = cmp.Or(d.Version, "1.0")
	d.Arch = cmp.Or(d.Arch, "all")
	d.Compression = cmp.Or(d.Compression, "xz")
	if d.MTime.IsZero() {
		d.MTime = DefaultTime
	}
	return d
}

// Filename returns the conventional name, name_version_arch.deb without an epoch.
func (d Deb) Filename() string {
	d = d.withDefaults()
	_, version, found := strings.Cut(d.Version, ":")
	if !found {
		version = d.Version
	}
	return fmt.Sprintf("%s_%s_%s.deb", d.Name, version, d.Arch)
}

// Fields returns the control fields, without a final blank line.
func (d Deb) Fields() string {
	d = d.withDefaults()
	var b strings.Builder
	field := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%s: %s\n", name, value)
		}
	}
	field("Package", d.Name)
	field("Source", d.Source)
	field("Version", d.Version)
	field("Architecture", d.Arch)
	field("Maintainer", "Nobody <nobody@example.org>")
	field("Pre-Depends", d.PreDepends)
	field("Depends", d.Depends)
	field("Provides", d.Provides)
	field("Replaces", d.Replaces)
	b.WriteString(d.Control)
	field("Description", "package of a test")
	return b.String()
}

// Bytes returns the .deb file.
func (d Deb) Bytes(t testing.TB) []byte {
	t.Helper()
	d = d.withDefaults()
	data, sums := d.dataTar(t)
	members := []Member{
		{"debian-binary", []byte("2.0\n")},
		{"control.tar" + suffix(d.Compression), d.compress(t, d.controlTar(t, sums), 0)},
		{"data.tar" + suffix(d.Compression), d.compress(t, data, d.XZBlock)},
	}
	if d.Members != nil {
		members = d.Members(members)
	}
	return Ar(d.MTime, members)
}

// Ar returns an ar file as dpkg-deb writes it: common format, names padded with
// blanks, owner 0:0, mode 100644.
func Ar(mtime time.Time, members []Member) []byte {
	var b bytes.Buffer
	b.WriteString("!<arch>\n")
	for _, m := range members {
		fmt.Fprintf(&b, "%-16s%-12d%-6d%-6d%-8s%-10d`\n", m.Name, mtime.Unix(), 0, 0, "100644", len(m.Data))
		b.Write(m.Data)
		if len(m.Data)%2 == 1 {
			b.WriteByte('\n')
		}
	}
	return b.Bytes()
}

// dataTar returns data.tar and the text of md5sums for its files.
func (d Deb) dataTar(t testing.TB) (data []byte, sums string) {
	var out, md5sums bytes.Buffer
	tw := tar.NewWriter(&out)
	done := map[string]bool{}
	for _, dir := range append([]string{"./"}, parents(d.Files)...) {
		if !done[dir] {
			done[dir] = true
			write(t, tw, Entry{Header: tar.Header{Typeflag: tar.TypeDir, Name: dir, Mode: 0o755, ModTime: d.MTime}})
		}
	}
	for _, name := range sortedKeys(d.Files) {
		content := d.Files[name]
		write(t, tw, Entry{Header: tar.Header{Typeflag: tar.TypeReg, Name: "./" + name, Mode: 0o644, ModTime: d.MTime}, Content: []byte(content)})
		fmt.Fprintf(&md5sums, "%x  %s\n", md5.Sum([]byte(content)), name)
	}
	for _, e := range d.Entries {
		if e.Header.ModTime.IsZero() {
			e.Header.ModTime = d.MTime
		}
		write(t, tw, e)
	}
	check(t, tw.Close())
	return out.Bytes(), md5sums.String()
}

func (d Deb) controlTar(t testing.TB, sums string) []byte {
	members := map[string]string{"control": d.Fields(), "md5sums": sums}
	for name, text := range d.Scripts {
		members[name] = text
	}
	var out bytes.Buffer
	tw := tar.NewWriter(&out)
	write(t, tw, Entry{Header: tar.Header{Typeflag: tar.TypeDir, Name: "./", Mode: 0o755, ModTime: d.MTime}})
	for _, name := range sortedKeys(members) {
		mode := int64(0o644)
		if slices.Contains([]string{"preinst", "postinst", "prerm", "postrm", "config"}, name) {
			mode = 0o755
		}
		write(t, tw, Entry{Header: tar.Header{Typeflag: tar.TypeReg, Name: "./" + name, Mode: mode, ModTime: d.MTime}, Content: []byte(members[name])})
	}
	check(t, tw.Close())
	return out.Bytes()
}

func write(t testing.TB, tw *tar.Writer, e Entry) {
	t.Helper()
	if e.Header.Size == 0 {
		e.Header.Size = int64(len(e.Content))
	}
	check(t, tw.WriteHeader(&e.Header))
	_, err := tw.Write(e.Content)
	check(t, err)
}

func suffix(compression string) string {
	if compression == "none" {
		return ""
	}
	return "." + compression
}

func (d Deb) compress(t testing.TB, b []byte, block int64) []byte {
	t.Helper()
	return Compress(t, d.Compression, b, block)
}

// Compress returns b compressed as xz, gz or zst, or as it is for none and "".
// block is the number of bytes in an xz block; 0 means one block.
func Compress(t testing.TB, how string, b []byte, block int64) []byte {
	t.Helper()
	var out bytes.Buffer
	var w io.WriteCloser
	var err error
	switch how {
	case "xz":
		w, err = xz.WriterConfig{DictCap: 1 << 20, BlockSize: block}.NewWriter(&out)
	case "gz":
		w = gzip.NewWriter(&out)
	case "zst":
		w, err = zstd.NewWriter(&out, zstd.WithEncoderConcurrency(1))
	case "none", "":
		return b
	default:
		t.Fatalf("debtest: unknown compression %q", how)
	}
	check(t, err)
	_, err = w.Write(b)
	check(t, err)
	check(t, w.Close())
	return out.Bytes()
}

// parents returns the directories above the given files as "./a/", sorted.
func parents(files map[string]string) []string {
	var dirs []string
	for name := range files {
		for i, c := range name {
			if c == '/' {
				dirs = append(dirs, "./"+name[:i+1])
			}
		}
	}
	sort.Strings(dirs)
	return dirs
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("debtest: %v", err)
	}
}
