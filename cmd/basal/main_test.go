package main

import (
	"errors"
	"flag"
	"io/fs"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "write what was found into the files that cmp compares with")

func TestMain(m *testing.M) {
	// Scripts mostly wait, for retries and for each other: more of them at once
	// than there are processors cost nothing. A flag on the command line wins.
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err)
	}
	testscript.Main(m, map[string]func(){
		"basal": func() { os.Exit(int(run(os.Args[1:]))) },
	})
}

// TestScript runs testdata/script/*.txtar: basal as its users call it, against a
// signed archive that is made in memory. Besides testscript's own commands there
// are
//
//	exit N basal ARG…   run it; the exit code must be N, and what it prints must
//	                    be in keeping with that
//	nofile PATH…        there is neither PATH nor a temporary file of its name
//	damage DIR          change the last byte of every file below DIR
//	edit FILE OLD NEW   replace a string, which must be there
//	subst FILE COPY     copy FILE with $VARIABLES filled in
//	archive VERB …      see archive_test.go
//	module DIR PATH@V   publish the Go module in DIR at $GOPROXY
//	registry VERB …     see registry_test.go
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:             filepath.Join("testdata", "script"),
		ContinueOnError: true, // one run shows all that is wrong
		UpdateScripts:   *update,
		Setup:           func(env *testscript.Env) error { return setup(t, env) },
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exit":     exit,
			"nofile":   noFile,
			"damage":   damageFiles,
			"edit":     edit,
			"subst":    substitute,
			"archive":  archiveCommand,
			"registry": registryCommand,
			"module":   moduleCommand,
		},
	})
}

// setup gives a script an archive of its own, on a server of its own. $MIRROR is
// its mirror and $SNAPSHOT its snapshot service; $NOTHING is a server that has
// no file. basal knows the mirror only.
func setup(t *testing.T, env *testscript.Env) error {
	w := newWorld(t)
	srv := httptest.NewServer(w)
	env.Defer(srv.Close)
	w.stop = srv.Close
	env.Values[worldKey{}] = w
	env.Values[registriesKey{}] = map[string]*testRegistry{}
	for _, dir := range []string{"cache", "home"} {
		if err := os.Mkdir(filepath.Join(env.WorkDir, dir), 0o755); err != nil {
			return err
		}
	}
	env.Setenv("MIRROR", srv.URL+"/mirror")
	env.Setenv("SNAPSHOT", srv.URL+"/snapshot")
	env.Setenv("BASAL_DEBIAN_MIRROR", srv.URL+"/mirror/debian")
	env.Setenv("NOTHING", srv.URL+"/nothing")
	env.Setenv("BASAL_SNAPSHOT", srv.URL+"/nothing")
	env.Setenv("GOCACHE", goCache()) // or each script would compile the standard library
	env.Setenv("GOMODCACHE", filepath.Join(env.WorkDir, "modules"))
	env.Setenv("GOFLAGS", "-modcacherw") // so that the script's folder can be removed
	env.Setenv("GOPROXY", "file://"+filepath.Join(env.WorkDir, "proxy"))
	env.Setenv("GOSUMDB", "off")
	env.Setenv("ESC", "a\x1b[31mb") // what a terminal would obey
	env.Setenv("XDG_CACHE_HOME", filepath.Join(env.WorkDir, "cache"))
	env.Setenv("HOME", filepath.Join(env.WorkDir, "home"))
	return nil
}

func exit(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exit N basal ARG…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var failure *exec.ExitError
	switch {
	case errors.As(err, &failure):
		got = failure.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
	if fault := checkStderr(ts.ReadFile("stderr"), got); fault != "" {
		ts.Fatalf("standard error %s", fault)
	}
}

// checkStderr holds what is true of every run: a failure says "basal: error:",
// a success does not, and all lines are basal's or go on with a hint.
func checkStderr(text string, code int) string {
	failed, hint := false, false
	for line := range strings.Lines(text) {
		switch {
		case strings.HasPrefix(line, "basal: error: "):
			failed, hint = true, false
		case strings.HasPrefix(line, "basal: hint: "):
			hint = true
		case strings.HasPrefix(line, "basal: "), strings.HasPrefix(line, "  "), hint:
		default:
			return "has a line that is not basal's: " + line
		}
	}
	switch {
	case failed && code == 0:
		return "has an error, and the exit code is 0"
	case !failed && code != 0:
		return `has no line "basal: error: …"`
	}
	return ""
}

func noFile(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: nofile PATH…")
	}
	for _, arg := range args {
		path := ts.MkAbs(arg)
		entries, err := os.ReadDir(filepath.Dir(path))
		if os.IsNotExist(err) {
			continue
		}
		ts.Check(err)
		for _, e := range entries {
			if name := e.Name(); name == filepath.Base(path) || strings.HasPrefix(name, "."+filepath.Base(path)+".") {
				ts.Fatalf("%s is there", filepath.Join(filepath.Dir(arg), name))
			}
		}
	}
}

func damageFiles(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: damage DIR")
	}
	ts.Check(filepath.WalkDir(ts.MkAbs(args[0]), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil || len(b) == 0 {
			return err
		}
		b[len(b)-1] ^= 1
		return os.WriteFile(path, b, 0o644)
	}))
}

func substitute(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: subst FILE COPY")
	}
	text := os.Expand(ts.ReadFile(args[0]), ts.Getenv)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(text), 0o644))
}

func edit(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: edit FILE OLD NEW")
	}
	text := ts.ReadFile(args[0])
	if !strings.Contains(text, args[1]) {
		ts.Fatalf("%s has no %s", args[0], args[1])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.ReplaceAll(text, args[1], args[2])), 0o644))
}
