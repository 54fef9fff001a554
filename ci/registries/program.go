package registries

import (
	"fmt"
	"os"

	"github.com/basal-project/basal/ci/programs"
)

// config is read by distribution 2.8 and 3. The secret stays, so that an upload
// can go on after a restart.
const config = `version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage:
  filesystem: {rootdirectory: %q}
  delete: {enabled: true}
  maintenance:
    uploadpurging: {enabled: false}
    readonly: {enabled: %t}
http: {addr: %q, secret: basal}
`

// serve starts a program of the distribution family.
func (r *Registry) serve(file string) (stop func(), err error) {
	f, err := os.CreateTemp("", "basal-registry-*.yml")
	if err != nil {
		return nil, err
	}
	defer os.Remove(f.Name())
	_, err = fmt.Fprintf(f, config, r.Options.Storage, r.Options.ReadOnly, r.Addr)
	if err := f.Close(); err != nil {
		return nil, err
	}
	if err != nil {
		return nil, err
	}
	front := r.Addr
	if r.Options.Wrap != nil {
		return nil, fmt.Errorf("%s cannot be wrapped", r.Kind.Name)
	}
	// Version 3 would send traces to a collector that is not there.
	p, err := programs.Start(front, "env", "OTEL_TRACES_EXPORTER=none", file, "serve", f.Name())
	if err != nil {
		return nil, err
	}
	return p.Kill, nil
}
