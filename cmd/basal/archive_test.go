package main

import (
	"archive/tar"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/basal-project/basal/builder/debian/debtest"
)

// archiveVerbs are the forms of the command archive. PART is a part of the paths
// of the files that are meant. OPTION=VALUE and what it can be is in deb.set and
// publish.
//
//	archive deb NAME OPTION=VALUE…   make a package; it is not published yet
//	archive drop NAME [ARCH]         forget it
//	archive publish OPTION=VALUE…    sign what there is, as the suite trixie
//	archive key FILE [other]         write the public key, or that of a stranger
//	archive flip PART                change a bit of what is served
//	archive cut PART                 serve all but the last byte
//	archive append PART              serve a byte more
//	archive html PART                serve a web page
//	archive status PART CODE         answer with an HTTP status
//	archive block PART               answer with nothing
//	archive await                    wait until a blocked file is asked for
//	archive lose PART                remove the files
//	archive heal                     end all faults but lost files
//	archive asked N PART             PART was asked for N times since last time
//	archive forget                   begin to count anew
//	archive stop                     stop the server
var archiveVerbs = map[string]func(*testscript.TestScript, *world, []string){
	"deb":     makeDeb,
	"publish": publish,
	"drop": func(_ *testscript.TestScript, w *world, args []string) {
		w.drop("trixie", args[0], strings.Join(args[1:], ""))
	},
	"key": func(ts *testscript.TestScript, w *world, args []string) {
		key := w.archive.Key
		if len(args) > 1 {
			key = w.other
		}
		ts.Check(os.MkdirAll(filepath.Dir(ts.MkAbs(args[0])), 0o755))
		ts.Check(os.WriteFile(ts.MkAbs(args[0]), key.Public(w.t), 0o644))
	},
	"flip":   damage(func(b []byte) []byte { return debtest.Flip(len(b) / 2)(b) }),
	"cut":    damage(debtest.Truncate(1)),
	"append": damage(debtest.Append("\n")),
	"html": eachFile(func(w *world, path string, _ []string) {
		w.archive.Fault(path, func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Content-Type", "text/html; charset=utf-8")
			rw.Write(debtest.HTML(nil))
		})
	}),
	"status": eachFile(func(w *world, path string, args []string) {
		code, _ := strconv.Atoi(args[0]) // of no code httptest makes a failure
		w.archive.Fault(path, debtest.Status(code))
	}),
	"block": eachFile(func(w *world, path string, _ []string) { w.block(path) }),
	"lose":  eachFile(func(w *world, path string, _ []string) { w.archive.Remove(path) }),
	"await": func(ts *testscript.TestScript, w *world, _ []string) {
		if !w.awaitBlocked() {
			ts.Fatalf("nobody asks")
		}
	},
	"heal":   func(_ *testscript.TestScript, w *world, _ []string) { w.archive.Heal() },
	"stop":   func(_ *testscript.TestScript, w *world, _ []string) { w.stop() },
	"forget": func(_ *testscript.TestScript, w *world, _ []string) { w.archive.Requests() },
	"asked": func(ts *testscript.TestScript, w *world, args []string) {
		asked := slices.DeleteFunc(w.archive.Requests(), func(p string) bool { return !strings.Contains(p, args[1]) })
		if strconv.Itoa(len(asked)) != args[0] {
			ts.Fatalf("want %s requests, found %q", args[0], asked)
		}
	},
}

func archiveCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 || archiveVerbs[args[0]] == nil {
		ts.Fatalf("archive: unknown verb in %q", args)
	}
	archiveVerbs[args[0]](ts, ts.Value(worldKey{}).(*world), args[1:])
}

// eachFile is a verb for the files whose paths contain the first argument; there
// must be one.
func eachFile(do func(w *world, path string, args []string)) func(*testscript.TestScript, *world, []string) {
	return func(ts *testscript.TestScript, w *world, args []string) {
		paths := w.paths(args[0])
		if len(paths) == 0 {
			ts.Fatalf("the archive has no file %q", args[0])
		}
		for _, path := range paths {
			do(w, path, args[1:])
		}
	}
}

func damage(how func([]byte) []byte) func(*testscript.TestScript, *world, []string) {
	return eachFile(func(w *world, path string, _ []string) { w.archive.Corrupt(w.t, path, how) })
}

// options calls set for each OPTION=VALUE.
func options(ts *testscript.TestScript, args []string, set func(key, value string) bool) {
	for _, arg := range args {
		key, value, ok := strings.Cut(arg, "=")
		if !ok || !set(key, value) {
			ts.Fatalf("unknown option %q", arg)
		}
	}
}

func publish(ts *testscript.TestScript, w *world, args []string) {
	s := debtest.Suite{Name: "trixie"}
	options(ts, args, func(key, value string) bool {
		switch key {
		case "suite":
			s.Name = value
		case "codename":
			s.Codename, s.Suite = value, value
		case "date":
			s.Date = day(ts, value)
		case "until":
			s.ValidUntil = day(ts, value)
		case "signed":
			s.Unsigned = value == "no"
			if value == "other" {
				s.SignWith = []*debtest.Key{w.other}
			}
		case "hash":
			s.SHA512 = value == "sha512"
		case "by-hash":
			s.NoByHash = value == "no"
		case "archs":
			s.Archs = strings.Split(value, ",")
		default:
			return false
		}
		return true
	})
	w.publish(s)
}

func day(ts *testscript.TestScript, text string) time.Time {
	t, err := time.Parse(time.DateOnly, text)
	ts.Check(err)
	return t
}

func makeDeb(ts *testscript.TestScript, w *world, args []string) {
	d := debtest.Deb{Name: args[0], Files: map[string]string{}, Scripts: map[string]string{}}
	suite := "trixie"
	options(ts, args[1:], func(key, value string) bool {
		if path, ok := strings.CutPrefix(key, "/"); ok {
			d.Files[path] = value
			return true
		}
		switch key {
		case "suite":
			suite = value
		case "version":
			d.Version = value
		case "arch":
			d.Arch = value
		case "depends":
			d.Depends = value
		case "replaces":
			d.Replaces = value
		case "provides":
			d.Provides = value
		case "compression":
			d.Compression = value
		case "script":
			d.Scripts[value] = "#!/bin/sh\nexit 0\n"
		case "day":
			d.MTime = day(ts, value)
		case "with":
			return hostile(&d, value)
		default:
			return false
		}
		return true
	})
	w.set(suite, d)
}

// hostile gives a package something that no package should have.
func hostile(d *debtest.Deb, what string) bool {
	add := func(h tar.Header, content string) {
		if h.Typeflag == 0 {
			h.Typeflag = tar.TypeReg
		}
		if h.Mode == 0 {
			h.Mode = 0o644
		}
		d.Entries = append(d.Entries, debtest.Entry{Header: h, Content: []byte(content)})
	}
	switch what {
	case "escape":
		add(tar.Header{Name: "./../../etc/passwd"}, "x")
	case "absolute":
		add(tar.Header{Name: "/etc/passwd"}, "x")
	case "device":
		add(tar.Header{Name: "./dev/null", Typeflag: tar.TypeChar, Devmajor: 1, Devminor: 3}, "")
	case "setuid":
		add(tar.Header{Name: "./usr/bin/su", Mode: 0o4755}, "su")
		add(tar.Header{Name: "./usr/bin/wall", Mode: 0o2755}, "wall")
	case "twice":
		add(tar.Header{Name: "./usr/share/twice"}, "1")
		add(tar.Header{Name: "./usr/share/twice"}, "2")
	case "hardlink":
		add(tar.Header{Name: "./usr/passwd", Typeflag: tar.TypeLink, Linkname: "../../etc/passwd"}, "")
	case "link":
		add(tar.Header{Name: "./usr/share/link", Typeflag: tar.TypeSymlink, Linkname: "hello"}, "")
	case "capability":
		add(tar.Header{Name: "./usr/bin/ping", Format: tar.FormatPAX, PAXRecords: map[string]string{"SCHILY.xattr.security.capability": "x"}}, "x")
	case "whiteout":
		add(tar.Header{Name: "./etc/.wh.passwd"}, "")
	case "bomb":
		add(tar.Header{Name: "./usr/zeros"}, strings.Repeat("\x00", 20<<20))
	case "no-data":
		d.Members = func(m []debtest.Member) []debtest.Member { return m[:2] }
	case "no-control":
		d.Members = func(m []debtest.Member) []debtest.Member { return append(m[:1:1], m[2]) }
	case "bzip2":
		d.Members = func(m []debtest.Member) []debtest.Member { m[2].Name = "data.tar.bz2"; return m }
	case "more":
		d.Members = func(m []debtest.Member) []debtest.Member {
			return append(m, debtest.Member{Name: "evil", Data: []byte("x")})
		}
	default:
		return false
	}
	return true
}
