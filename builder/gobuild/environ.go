package gobuild

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/specs"
)

// places are the folders that the go command may use: where, never what.
type places struct {
	path, home, temp string
	cache            string // GOCACHE
	modules          string // GOMODCACHE
	user             settings
	fault            error // why cache or modules is not known
}

func findPlaces() places {
	e := places{path: os.Getenv("PATH"), home: os.Getenv("HOME"), temp: os.Getenv("TMPDIR"), user: userSettings()}
	var err error
	if e.temp != "" {
		// The go command runs in other folders than this process.
		if abs, err := filepath.Abs(e.temp); err == nil {
			e.temp = abs
		}
	}
	if e.cache = e.user.get("GOCACHE"); e.cache == "" || e.cache == "off" {
		if e.cache, err = os.UserCacheDir(); err == nil {
			e.cache = filepath.Join(e.cache, "go-build")
		}
	}
	if e.modules = e.user.get("GOMODCACHE"); e.modules == "" && err == nil {
		first, _, _ := strings.Cut(e.user.get("GOPATH"), string(filepath.ListSeparator))
		if first == "" {
			if first, err = os.UserHomeDir(); err == nil {
				first = filepath.Join(first, "go")
			}
		}
		e.modules = filepath.Join(first, "pkg", "mod")
	}
	if err != nil {
		e.fault = diag.Usagef("the go command has no place for its caches: %w", err).WithHint("set HOME, or GOCACHE and GOMODCACHE")
	}
	return e
}

// environ returns the environment in which programs are compiled for p, whose
// zero value stands for no platform. All that the go command reads has a value
// here, the lowest of each processor's feature levels among them; later
// assignments win. To the go command an empty value is none, and then the file
// go.env of the toolchain counts, so GOFLAGS has a flag that says what is so
// anyway. GOEXPERIMENT has no such value; job.check finds what go.env says there.
// The go command and the compiler live for moments: they collect garbage only
// when there is much of it.
func (e places) environ(p specs.Platform, more ...string) []string {
	env := []string{
		"PATH=" + e.path, "HOME=" + e.home, "GOCACHE=" + e.cache, "GOMODCACHE=" + e.modules,
		"LC_ALL=C", "GOENV=off", "GOFLAGS=-buildvcs=false", "GOEXPERIMENT=", "GOFIPS140=off", "GO111MODULE=on", "GOWORK=off",
		"GOTOOLCHAIN=local", "GOPROXY=off", "GOSUMDB=off", "GOVCS=*:off", "GOTELEMETRY=off", "CGO_ENABLED=0",
		"GOAMD64=v1", "GOARM64=v8.0", "GO386=sse2", "GOPPC64=power8", "GORISCV64=rva20u64",
		"GOGC=off", "GOMEMLIMIT=512MiB",
	}
	if e.temp != "" {
		env = append(env, "TMPDIR="+e.temp)
	}
	if p != (specs.Platform{}) {
		env = append(env, "GOOS="+p.OS, "GOARCH="+p.Arch)
	}
	if p.Arch == "arm" {
		env = append(env, "GOARM="+strings.TrimPrefix(p.Variant, "v"))
	}
	return append(env, more...)
}

// downloading are the settings of the user's that say where modules come from
// and how they are checked. They are of no effect on a module's bytes, which
// go.sum or the lock names.
var downloading = []string{
	"GOPROXY", "GONOPROXY", "GOPRIVATE", "GOSUMDB", "GONOSUMDB", "GOINSECURE", "GOAUTH", "GOVCS", "NETRC",
	"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR",
	"SSH_AUTH_SOCK", "SSH_AGENT_PID",
}

// network returns the user's settings of downloading, as assignments.
func (e places) network() []string {
	env := []string{"GOPROXY=", "GOSUMDB=", "GOVCS="} // Go's own defaults
	for _, key := range downloading {
		if value := e.user.get(key); value != "" {
			env = append(env, key+"="+value)
		}
	}
	return env
}

// settings are those of the user's file of go env -w.
type settings map[string]string

// get returns a setting: the environment's, else the file's.
func (s settings) get(key string) string {
	if v := os.Getenv(key); v != "" {
		return v
	}
	return s[key]
}

// userSettings reads the file that go env -w writes. What cannot be read counts
// as absent, as it does for the go command.
func userSettings() settings {
	name := os.Getenv("GOENV")
	if name == "off" {
		return nil
	}
	if name == "" {
		dir, err := os.UserConfigDir()
		if err != nil {
			return nil
		}
		name = filepath.Join(dir, "go", "env")
	}
	const most = 64 << 10 // bytes
	info, err := os.Stat(name)
	if err != nil || !info.Mode().IsRegular() || info.Size() > most {
		return nil
	}
	b, err := os.ReadFile(name)
	if err != nil {
		return nil
	}
	s := settings{}
	for line := range strings.Lines(string(b)) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		if ok && !strings.HasPrefix(key, "#") {
			s[key] = value
		}
	}
	return s
}

// fileProxy returns a folder as the go command takes it for a proxy.
func fileProxy(dir string) string {
	abs, err := filepath.Abs(dir)
	if err != nil {
		abs = dir
	}
	return "file://" + escapeProxy(filepath.ToSlash(abs))
}

// escapeProxy writes what ends an entry in GOPROXY, or means something in a URL,
// as URLs do.
func escapeProxy(s string) string {
	return strings.NewReplacer("%", "%25", ",", "%2C", "|", "%7C", "?", "%3F", "#", "%23", " ", "%20").Replace(s)
}
