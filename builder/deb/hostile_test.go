package deb

import (
	"archive/tar"
	"bytes"
	"strings"
	"testing"
)

func TestHostileEntries(t *testing.T) {
	mode := func(i item, m int64) item { i.Mode = m; return i }
	owner := func(i item, uid, gid int) item { i.Uid, i.Gid = uid, gid; return i }
	pax := func(key, value string) item {
		i := file("./a", "x")
		i.PAXRecords = map[string]string{key: value}
		return i
	}
	cases := []struct {
		name  string
		items []item
		says  string
	}{
		{"path with ..", []item{file("./a/../../etc/passwd", "x")}, "not clean"},
		{"leading ..", []item{file("../etc/passwd", "x")}, "not clean"},
		{"absolute path", []item{file("/etc/passwd", "x")}, "not clean"},
		{"double slash", []item{file("./etc//passwd", "x")}, "not clean"},
		{"twice ./", []item{file("././etc", "x")}, "not clean"},
		{"empty name", []item{file("", "x")}, "root itself"},
		{"root is a file", []item{file("./.", "x")}, "root itself"},
		{"root is a symlink", []item{entry(tar.TypeSymlink, ".", "/etc")}, "not a directory"},
		{"whiteout", []item{file("./etc/.wh.passwd", "x")}, ".wh."},
		{"opaque whiteout", []item{file("./.wh..wh..opq", "")}, ".wh."},
		{"newline", []item{file("./a\nb", "x")}, "control character"},
		{"not UTF-8", []item{file("./a\xff", "x")}, "UTF-8"},
		{"very long name", []item{file("./"+strings.Repeat("a/", 2100)+"b", "x")}, "too large"},
		{"character device", []item{entry(tar.TypeChar, "./dev/null", "")}, "devices"},
		{"block device", []item{entry(tar.TypeBlock, "./dev/sda", "")}, "devices"},
		{"fifo", []item{entry(tar.TypeFifo, "./pipe", "")}, "fifos"},
		{"contiguous file", []item{entry(tar.TypeCont, "./a", "")}, "kind"},
		{"setuid", []item{mode(file("./bin/su", "x"), 0o4755)}, "setuid"},
		{"setgid", []item{mode(file("./bin/wall", "x"), 0o2755)}, "setuid or setgid"},
		{"setgid directory", []item{mode(entry(tar.TypeDir, "./var/local/", ""), 0o2775)}, "setgid"},
		{"extended attribute", []item{pax("SCHILY.xattr.user.x", "y")}, "SCHILY.xattr"},
		{"capability", []item{pax("SCHILY.xattr.security.capability", "y")}, "SCHILY.xattr"},
		{"unknown record", []item{pax("VENDOR.x", "y")}, "VENDOR.x"},
		{"same file twice", []item{file("./a", "x"), file("a", "x")}, "twice"},
		{"same directory twice", []item{entry(tar.TypeDir, "./a/", ""), entry(tar.TypeDir, "a", "")}, "twice"},
		{"file below a file", []item{file("./a", "x"), file("./a/b", "x")}, "below"},
		{"file below a symlink", []item{entry(tar.TypeSymlink, "./a", "/etc"), file("./a/passwd", "x")}, "below"},
		{"hard link to outside", []item{entry(tar.TypeLink, "./a", "../../etc/passwd")}, "not clean"},
		{"absolute hard link", []item{entry(tar.TypeLink, "./a", "/etc/passwd")}, "not clean"},
		{"hard link to nothing", []item{entry(tar.TypeLink, "./a", "./b")}, "no earlier file"},
		{"hard link to a later file", []item{entry(tar.TypeLink, "./a", "./b"), file("./b", "x")}, "no earlier file"},
		{"hard link to itself", []item{entry(tar.TypeLink, "./a", "./a")}, "no earlier file"},
		{"hard link to a directory", []item{entry(tar.TypeDir, "./b/", ""), entry(tar.TypeLink, "./a", "./b")}, "no earlier file"},
		{"hard link to a symlink", []item{entry(tar.TypeSymlink, "./b", "c"), entry(tar.TypeLink, "./a", "./b")}, "no earlier file"},
		{"symlink to nowhere", []item{entry(tar.TypeSymlink, "./a", "")}, "target"},
		{"owner beyond 32 bits", []item{owner(file("./a", "x"), 1<<32, 0)}, "out of range"},
		{"group that means none", []item{owner(file("./a", "x"), 0, 1<<32-1)}, "out of range"},
	}
	for _, c := range cases {
		for _, ext := range []string{"", ".gz"} {
			_, err := readBytes(arFile(parts(t, ext, c.items...)...), Options{Origin: "deb:x"})
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s: %v, want an error with %q", c.name, err, c.says)
			}
		}
	}
}

func TestSetIDByName(t *testing.T) {
	su := file("./bin/su", "x")
	su.Mode = 0o4755
	allow := Options{AllowSetID: func(p string) bool { return p == "bin/su" }}
	p, err := readBytes(arFile(parts(t, ".gz", su)...), allow)
	if err != nil || text(t, p.Tree)["bin/su"] != "file 4755 0:0 2d711642" {
		t.Fatalf("%+v, %v", p, err)
	}
	_, err = readBytes(arFile(parts(t, ".gz", su, entry(tar.TypeLink, "./bin/evil", "bin/su"))...), allow)
	if err == nil || !strings.Contains(err.Error(), "bin/evil") {
		t.Errorf("a second name of a setuid file: %v", err)
	}
}

func TestHostileContainers(t *testing.T) {
	good := parts(t, ".gz", file("./a", "x"))
	with := func(i int, name string, data []byte) []part {
		p := bytes.Clone(data)
		out := append([]part(nil), good...)
		out[i] = part{name, p}
		return out
	}
	data, control := good[2].data, good[1].data
	odd := arFile(with(0, "debian-binary", []byte("2.0\nx"))...)
	odd[len(arMagic)+arHeaderSize+5] = 'x'
	header := arFile(good...)
	header[len(arMagic)+58] = 'x'
	number := arFile(good...)
	number[len(arMagic)+48] = '-'
	trailing := append(tarFile(t, file("./a", "x")), bytes.Repeat([]byte{1}, 512)...)
	cases := []struct {
		name string
		b    []byte
		says string
	}{
		{"nothing", nil, "ends early"},
		{"not ar", []byte("<html>It works!</html>"), "ar archive"},
		{"no members", arFile(), "debian-binary is missing"},
		{"no control", arFile(good[0]), "control.tar is missing"},
		{"no data", arFile(good[:2]...), "data.tar is missing"},
		{"wrong order", arFile(good[0], good[2], good[1]), "want member control.tar"},
		{"two data members", arFile(good[0], good[1], good[2], good[2]), "after data.tar"},
		{"two control members", arFile(good[0], good[1], good[1], good[2]), "want member data.tar"},
		{"ignored member first", arFile(append([]part{{"_x", nil}}, good...)...), "want member debian-binary"},
		{"extra member", arFile(good[0], part{"extra", nil}, good[1], good[2]), `found "extra"`},
		{"format 3", arFile(with(0, "debian-binary", []byte("3.0\n"))...), "format"},
		{"format without newline", arFile(with(0, "debian-binary", []byte("2.0"))...), "format"},
		{"huge format", arFile(with(0, "debian-binary", make([]byte, 2000))...), "2000 bytes"},
		{"bzip2", arFile(with(2, "data.tar.bz2", data)...), "unknown compression"},
		{"unknown control compression", arFile(with(1, "control.tar.lzma", control)...), "unknown compression"},
		{"name like data.tar", arFile(with(2, "data.tarball", data)...), "want member data.tar"},
		{"trailing bytes", append(arFile(good...), "more"...), "ends early"},
		{"bytes behind gzip", arFile(with(2, "data.tar.gz", append(bytes.Clone(data), 1, 2, 3))...), ""},
		{"bytes behind xz", arFile(with(2, "data.tar.xz", append(pack(t, ".xz", tarFile(t)), 0, 0, 0, 0))...), "after the end"},
		{"bytes behind zstd", arFile(with(2, "data.tar.zst", append(pack(t, ".zst", tarFile(t)), 1, 2, 3, 4))...), ""},
		{"bytes behind tar", arFile(with(2, "data.tar", trailing)...), "after the end of the tar"},
		{"empty gzip member", arFile(with(2, "data.tar.gz", nil)...), ""},
		{"not padded with a newline", odd, "newline"},
		{"header without its end", header, "does not end"},
		{"negative size", number, "size of member"},
	}
	for _, c := range cases {
		if p, err := readBytes(c.b, Options{}); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %+v, %v, want an error with %q", c.name, p, err, c.says)
		}
	}
}

func TestHostileControl(t *testing.T) {
	good := parts(t, ".gz", file("./a", "x"))
	cases := []struct {
		name  string
		items []item
		says  string
	}{
		{"missing", []item{file("./postinst", "")}, "control file is missing"},
		{"twice", []item{file("./control", controlText), file("control", controlText)}, "two entries"},
		{"in a directory", []item{file("./x/control", controlText)}, "not a plain file"},
		{"symlink", []item{entry(tar.TypeSymlink, "./control", "/etc/passwd")}, "not a plain file"},
		{"empty", []item{file("./control", "")}, "Package"},
		{"two paragraphs", []item{file("./control", controlText+"\n"+controlText)}, "one paragraph"},
		{"name that is a path", []item{file("./control", strings.Replace(controlText, "sample", "../sample", 1))}, "Package"},
		{"no version", []item{file("./control", "Package: sample\nArchitecture: all\n")}, "Version"},
		{"no architecture", []item{file("./control", "Package: sample\nVersion: 1\n")}, "Architecture"},
		{"field twice", []item{file("./control", controlText+"version: 3\n")}, "control file"},
		{"too large", []item{file("./control", controlText), file("./templates", strings.Repeat("x", maxControl))}, "too large"},
	}
	for _, c := range cases {
		b := arFile(good[0], part{"control.tar.gz", pack(t, ".gz", tarFile(t, c.items...))}, good[2])
		if _, err := readBytes(b, Options{}); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: Read: %v, want an error with %q", c.name, err, c.says)
		}
		if _, err := ReadControl(bytes.NewReader(b)); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: ReadControl: %v, want an error with %q", c.name, err, c.says)
		}
	}
}

func TestBombs(t *testing.T) {
	zeros := file("./zeros", string(make([]byte, bombFloor)))
	for _, ext := range []string{".gz", ".zst", ".xz"} {
		_, err := readBytes(arFile(parts(t, ext, zeros)...), Options{})
		if err == nil || !strings.Contains(err.Error(), errTooBig.Error()) {
			t.Errorf("%s: %v, want %v", ext, err, errTooBig)
		}
	}
	if _, err := readBytes(arFile(parts(t, "", zeros)...), Options{}); err != nil {
		t.Errorf("not compressed: %v", err)
	}
	if _, err := readBytes(arFile(parts(t, ".gz", file("./a", "x"))...), Options{MaxUnpacked: 1 << 10}); err == nil {
		t.Error("MaxUnpacked has no effect")
	}
}

func TestBombBehindAnIndex(t *testing.T) {
	noise := make([]byte, spoolAbove)
	for i, x := 0, uint32(1); i < len(noise); i++ {
		x = x*1664525 + 1013904223
		noise[i] = byte(x >> 24)
	}
	p := parts(t, ".xz", file("./noise", string(noise)), file("./more", string(make([]byte, 1<<20))))
	_, err := readBytes(arFile(p...), Options{MaxUnpacked: 1<<20 + 1<<19})
	if err == nil || !strings.Contains(err.Error(), errTooBig.Error()) {
		t.Errorf("%v, want %v", err, errTooBig)
	}
}
