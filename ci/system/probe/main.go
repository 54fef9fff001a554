// Command probe is the static program that the container tests run in each
// image: it does what such programs need of a base image, and prints what it
// found as JSON. With the argument "clock" it only prints the time.
package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"time"
)

// A Report is what the program found; Faults says what went wrong.
type Report struct {
	UID, GID  int
	Home      string            // of $HOME
	Nonroot   string            // uid:gid:home of the user nonroot
	Roots     int               // certificates in the system's bundle
	TLS       bool              // a server of the mounted bundle's CA is trusted
	Stranger  bool              // the system's bundle does not trust that server
	Zones     map[string]string // name: offset in January 2026
	Writable  []string          // folders where a file could be made
	TmpMode   string
	HomeMode  string
	OSRelease map[string]string
	Nsswitch  bool
	Faults    []string
	Program   string // path of this program, to show that it ran from where it was put
}

const systemBundle = "/etc/ssl/certs/ca-certificates.crt"

func main() {
	if len(os.Args) > 1 && os.Args[1] == "clock" {
		fmt.Println(time.Now().UTC().Format(time.RFC3339))
		return
	}
	r := &Report{UID: os.Getuid(), GID: os.Getgid(), Home: os.Getenv("HOME"), Program: os.Args[0]}
	r.accounts()
	r.certificates()
	r.zones()
	r.folders()
	r.files()
	enc := json.NewEncoder(os.Stdout)
	if err := enc.Encode(r); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func (r *Report) fault(err error) {
	if err != nil {
		r.Faults = append(r.Faults, err.Error())
	}
}

func (r *Report) accounts() {
	u, err := user.Lookup("nonroot")
	if err != nil {
		r.fault(err)
		return
	}
	r.Nonroot = u.Uid + ":" + u.Gid + ":" + u.HomeDir
}

// certificates serves TLS to itself with the mounted certificate. Go reads
// $SSL_CERT_FILE, where the test has put its own bundle, as the system's roots.
func (r *Report) certificates() {
	b, err := os.ReadFile(systemBundle)
	r.fault(err)
	pool := x509.NewCertPool()
	for block, rest := pem.Decode(b); block != nil; block, rest = pem.Decode(rest) {
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			r.fault(err)
			continue
		}
		r.Roots++
		pool.AddCert(cert)
	}
	r.TLS = handshake(nil) == nil
	r.Stranger = handshake(pool) != nil
}

func handshake(roots *x509.CertPool) error {
	cert, err := tls.LoadX509KeyPair("/test/server.pem", "/test/server.key")
	if err != nil {
		return err
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}})
	if err != nil {
		return err
	}
	defer l.Close()
	go func() {
		if c, err := l.Accept(); err == nil {
			fmt.Fprintln(c, "hello")
			c.Close()
		}
	}()
	dialer := tls.Dialer{NetDialer: &net.Dialer{Timeout: 10 * time.Second}, Config: &tls.Config{RootCAs: roots, ServerName: "localhost"}}
	c, err := dialer.Dial("tcp", l.Addr().String())
	if err != nil {
		return err
	}
	defer c.Close()
	if line, err := bufio.NewReader(c).ReadString('\n'); line != "hello\n" {
		return fmt.Errorf("got %q (%v), want a greeting", line, err)
	}
	return nil
}

func (r *Report) zones() {
	r.Zones = make(map[string]string)
	for _, name := range []string{"Europe/Berlin", "US/Pacific"} {
		loc, err := time.LoadLocation(name)
		if err != nil {
			r.fault(err)
			continue
		}
		r.Zones[name] = time.Date(2026, 1, 15, 12, 0, 0, 0, loc).Format("-07:00")
	}
}

func (r *Report) folders() {
	for _, dir := range []string{"/tmp", r.Home, "/etc"} {
		f, err := os.OpenFile(filepath.Join(dir, "probe-file"), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err == nil {
			r.Writable = append(r.Writable, dir)
			r.fault(f.Close())
			r.fault(os.Remove(f.Name()))
		}
	}
	mode := func(dir string) string {
		info, err := os.Stat(dir)
		if err != nil {
			r.fault(err)
			return ""
		}
		return info.Mode().String()
	}
	r.TmpMode, r.HomeMode = mode("/tmp"), mode(r.Home)
}

func (r *Report) files() {
	b, err := os.ReadFile("/etc/os-release")
	r.fault(err)
	r.OSRelease = make(map[string]string)
	for line := range strings.Lines(string(b)) {
		if k, v, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			r.OSRelease[k] = strings.Trim(v, `"`)
		}
	}
	_, err = os.ReadFile("/etc/nsswitch.conf")
	r.fault(err)
	r.Nsswitch = err == nil
}
