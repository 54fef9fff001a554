package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/mod/module"
	"golang.org/x/mod/zip"
)

// goCache returns the build cache of whoever runs the tests.
var goCache = sync.OnceValue(func() string {
	out, err := exec.Command("go", "env", "GOCACHE").Output()
	if err != nil {
		panic(err)
	}
	return strings.TrimSpace(string(out))
})

// moduleCommand publishes a module as a proxy has it (Go modules reference,
// "Module proxies").
func moduleCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: module DIR PATH@VERSION")
	}
	path, version, _ := strings.Cut(args[1], "@")
	escaped, err := module.EscapePath(path)
	ts.Check(err)
	dir := filepath.Join(strings.TrimPrefix(ts.Getenv("GOPROXY"), "file://"), filepath.FromSlash(escaped), "@v")
	ts.Check(os.MkdirAll(dir, 0o755))
	file := func(name string) string { return filepath.Join(dir, version+name) }
	ts.Check(os.WriteFile(file(".info"), []byte(`{"Version":"`+version+`"}`), 0o644))
	ts.Check(os.WriteFile(file(".mod"), []byte(ts.ReadFile(filepath.Join(args[0], "go.mod"))), 0o644))
	z, err := os.Create(file(".zip"))
	ts.Check(err)
	defer z.Close()
	ts.Check(zip.CreateFromDir(z, module.Version{Path: path, Version: version}, ts.MkAbs(args[0])))
	list, err := os.OpenFile(filepath.Join(dir, "list"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	ts.Check(err)
	defer list.Close()
	_, err = list.WriteString(version + "\n")
	ts.Check(err)
}
