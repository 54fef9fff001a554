package registry

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"

	"github.com/basal-project/basal/internal/diag"
)

// home makes an empty home, with files in it. A helper is a file in bin.
func home(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for path, content := range files {
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("HOME", dir)
	t.Setenv("PATH", filepath.Join(dir, "bin")+":"+os.Getenv("PATH"))
	t.Setenv("XDG_RUNTIME_DIR", filepath.Join(dir, "run"))
	for _, v := range []string{"DOCKER_CONFIG", "REGISTRY_AUTH_FILE", "XDG_CONFIG_HOME"} {
		t.Setenv(v, "")
	}
	return dir
}

func auths(entries ...string) string {
	var all []string
	for i := 0; i < len(entries); i += 2 {
		all = append(all, fmt.Sprintf(`%q:{"auth":%q}`, entries[i], base64.StdEncoding.EncodeToString([]byte(entries[i+1]+":s3cret"))))
	}
	return `{"auths":{` + strings.Join(all, ",") + `}}`
}

func TestWhereCredentialsAre(t *testing.T) {
	const docker, podman, runtime = ".docker/config.json", ".config/containers/auth.json", "run/containers/auth.json"
	const works, knowsNothing = "#!/bin/sh\ncat >/dev/null\necho '{\"Username\":\"helped\",\"Secret\":\"s\"}'\n", "#!/bin/sh\necho 'credentials not found in native keychain'\nexit 1\n"
	for name, c := range map[string]struct {
		files          map[string]string
		explicit, host string
		want           string
	}{
		"nothing":            {nil, "", "r.example", ""},
		"docker":             {map[string]string{docker: auths("r.example", "d"), podman: auths("r.example", "p")}, "", "r.example", "d"},
		"docker, old":        {map[string]string{docker: auths("https://r.example/v1/", "d")}, "", "r.example", "d"},
		"podman":             {map[string]string{docker: auths("other.example", "d"), podman: auths("r.example", "p")}, "", "r.example", "p"},
		"podman at runtime":  {map[string]string{runtime: auths("r.example", "q"), podman: auths("r.example", "p")}, "", "r.example", "q"},
		"podman for a path":  {map[string]string{runtime: auths("r.example", "q", "r.example/team", "t")}, "", "r.example", "t"},
		"explicit":           {map[string]string{docker: auths("r.example", "d"), "x.json": auths("r.example", "x")}, "x.json", "r.example", "x"},
		"explicit alone":     {map[string]string{docker: auths("r.example", "d"), "x.json": auths("other.example", "x")}, "x.json", "r.example", ""},
		"Docker Hub":         {map[string]string{docker: auths(authn.DefaultAuthKey, "d")}, "", "docker.io", "d"},
		"Docker Hub, podman": {map[string]string{podman: auths("docker.io", "p")}, "", "docker.io", "p"},
		"helper":             {map[string]string{docker: `{"credHelpers":{"r.example":"works"}}`, "bin/docker-credential-works": works}, "", "r.example", "helped"},
		"store":              {map[string]string{docker: `{"credsStore":"works"}`, "bin/docker-credential-works": works}, "", "r.example", "helped"},
		"helper knows none":  {map[string]string{docker: `{"credsStore":"none"}`, "bin/docker-credential-none": knowsNothing, podman: auths("r.example", "p")}, "", "r.example", "p"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := home(t, c.files)
			if c.explicit != "" {
				t.Setenv("REGISTRY_AUTH_FILE", filepath.Join(dir, c.explicit))
			}
			auth, err := keychain{time.Minute}.ResolveContext(context.Background(), at(t, client(Options{}), c.host).name)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := auth.Authorization(); err != nil || got.Username != c.want {
				t.Errorf("got %q, %v, want %q", got.Username, err, c.want)
			}
		})
	}
}

func TestHelpersThatFail(t *testing.T) {
	const hangs = "#!/bin/sh\nsleep 8\n"
	for name, c := range map[string]struct{ program, want string }{
		"fails":  {"#!/bin/sh\necho the vault is shut\nexit 1\n", "the vault is shut"},
		"hangs":  {hangs, "no answer within 200ms"},
		"absent": {"", "not found"},
		"babble": {"#!/bin/sh\necho nonsense\n", "invalid"},
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{".docker/config.json": `{"credsStore":"x"}`}
			if c.program != "" {
				files["bin/docker-credential-x"] = c.program
			}
			home(t, files)
			s := serve(t, nil, nil)
			begin := time.Now()
			_, err := s.open(t, client(Options{Keychain: keychain{200 * time.Millisecond}}), "team/image").Resolve(context.Background(), "v1")
			if diag.CodeOf(err) != diag.Usage || !strings.Contains(fmt.Sprint(err), "docker-credential-x") || !strings.Contains(fmt.Sprint(err), c.want) {
				t.Errorf("got %v, exit code %d", err, diag.CodeOf(err))
			}
			if d := time.Since(begin); d > 5*time.Second || len(s.requests) > 0 {
				t.Errorf("took %s, requests %q", d, s.requests)
			}
		})
	}
	t.Run("interrupted", func(t *testing.T) {
		home(t, map[string]string{".docker/config.json": `{"credsStore":"x"}`, "bin/docker-credential-x": hangs})
		why := errors.New("the user has had enough")
		ctx, cancel := context.WithCancelCause(context.Background())
		time.AfterFunc(100*time.Millisecond, func() { cancel(why) })
		begin := time.Now()
		_, err := at(t, client(Options{Keychain: keychain{time.Minute}}), "r.example").Resolve(ctx, "v1")
		if !errors.Is(err, why) || time.Since(begin) > 5*time.Second {
			t.Errorf("got %v after %s", err, time.Since(begin))
		}
	})
}
