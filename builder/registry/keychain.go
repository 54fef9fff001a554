package registry

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/docker/cli/cli/config"
	"github.com/docker/cli/cli/config/configfile"
	"github.com/docker/cli/cli/config/types"
	helpers "github.com/docker/docker-credential-helpers/client"
	answers "github.com/docker/docker-credential-helpers/credentials"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
)

// maxHelper is how long a credential helper may take: it may have to ask its
// user.
const maxHelper = time.Minute

// keychain finds credentials where Docker and Podman keep them: in the file that
// REGISTRY_AUTH_FILE names and nowhere else, or else in Docker's configuration,
// and in Podman's when Docker's has none for the registry.
type keychain struct {
	patience time.Duration // with a helper
}

var _ authn.ContextKeychain = keychain{}

// Resolve implements authn.Keychain.
func (k keychain) Resolve(r authn.Resource) (authn.Authenticator, error) {
	return k.ResolveContext(context.Background(), r)
}

// ResolveContext implements authn.ContextKeychain.
func (k keychain) ResolveContext(ctx context.Context, r authn.Resource) (authn.Authenticator, error) {
	for _, path := range credentialFiles() {
		found, err := k.look(ctx, path, credentialKeys(r))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if found != (authn.AuthConfig{}) {
			return authn.FromConfig(found), nil
		}
	}
	return authn.Anonymous, nil
}

// credentialFiles returns where to look, best place first.
func credentialFiles() []string {
	if explicit := os.Getenv("REGISTRY_AUTH_FILE"); explicit != "" {
		return []string{explicit}
	}
	home, _ := os.UserHomeDir()
	docker, configs := os.Getenv("DOCKER_CONFIG"), os.Getenv("XDG_CONFIG_HOME")
	if docker == "" && home != "" {
		docker = filepath.Join(home, ".docker")
	}
	if configs == "" && home != "" {
		configs = filepath.Join(home, ".config")
	}
	var files []string
	for _, f := range []struct{ dir, name string }{
		{docker, "config.json"},
		{os.Getenv("XDG_RUNTIME_DIR"), "containers/auth.json"},
		{configs, "containers/auth.json"},
	} {
		if f.dir != "" {
			files = append(files, filepath.Join(f.dir, f.name))
		}
	}
	return files
}

// credentialKeys returns by what names credentials for r may be kept: Podman's
// may be for a path only, and both have names of their own for Docker Hub.
func credentialKeys(r authn.Resource) []string {
	var keys []string
	host := r.RegistryStr()
	path := strings.TrimPrefix(r.String(), host)
	for ; path != ""; path = path[:max(0, strings.LastIndexByte(path, '/'))] {
		keys = append(keys, host+path)
		if host == name.DefaultRegistry {
			keys = append(keys, "docker.io"+path)
		}
	}
	if host == name.DefaultRegistry {
		return append(keys, authn.DefaultAuthKey, "docker.io", host)
	}
	return append(keys, host)
}

// look returns the credentials that one file has, or its helpers; none when there
// is no such file.
func (k keychain) look(ctx context.Context, path string, keys []string) (authn.AuthConfig, error) {
	var none authn.AuthConfig
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return none, nil
	}
	if err != nil {
		return none, err
	}
	defer f.Close()
	c, err := config.LoadFromReader(f)
	if err != nil {
		return none, err
	}
	asked := map[string]bool{}
	for _, key := range keys {
		if found := kept(c, key); found != none {
			return found, nil
		}
		helper := c.CredentialsStore
		if h, ok := c.CredentialHelpers[key]; ok {
			helper = h
		}
		// Helpers know hosts, not paths, unless they are set for one.
		if _, own := c.CredentialHelpers[key]; helper == "" || asked[key] || !own && isPath(key) {
			continue
		}
		asked[key] = true
		if found, err := k.ask(ctx, helper, key); err != nil || found != none {
			return found, err
		}
	}
	return none, nil
}

func isPath(key string) bool { return key != authn.DefaultAuthKey && strings.Contains(key, "/") }

// kept returns what stands in the file itself.
func kept(c *configfile.ConfigFile, key string) authn.AuthConfig {
	for _, spelling := range []string{key, "https://" + key, "https://" + key + "/", "https://" + key + "/v1/", "https://" + key + "/v2/", "http://" + key} {
		a, ok := c.AuthConfigs[spelling]
		a.ServerAddress = ""
		if ok && a != (types.AuthConfig{}) {
			return authn.AuthConfig{Username: a.Username, Password: a.Password, Auth: a.Auth, IdentityToken: a.IdentityToken, RegistryToken: a.RegistryToken}
		}
	}
	return authn.AuthConfig{}
}

// ask returns what a credential helper knows.
func (k keychain) ask(ctx context.Context, helper, key string) (authn.AuthConfig, error) {
	program := "docker-credential-" + helper
	ctx, cancel := context.WithTimeoutCause(ctx, k.patience, fmt.Errorf("it gave no answer within %s", k.patience))
	defer cancel()
	c, err := helpers.Get(func(args ...string) helpers.Program { return newHelper(ctx, program, args) }, key)
	switch {
	case answers.IsErrCredentialsNotFound(err):
		return authn.AuthConfig{}, nil
	case ctx.Err() != nil:
		return authn.AuthConfig{}, fmt.Errorf("credential helper %s: %w", program, context.Cause(ctx))
	case err != nil:
		return authn.AuthConfig{}, fmt.Errorf("credential helper %s: %s", program, shorten(err.Error()))
	case c.Username == "<token>":
		return authn.AuthConfig{IdentityToken: c.Secret}, nil
	}
	return authn.AuthConfig{Username: c.Username, Password: c.Secret}, nil
}
