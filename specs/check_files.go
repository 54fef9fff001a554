package specs

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode/utf8"
)

// types are the values of File.Type.
var types = []string{TypeFile, TypeDir, TypeSymlink, TypeLinks}

// file checks one entry: which fields it has follows from its type.
func (c checker) file(at string, f File) {
	c.notEmpty(f.Path != "", at, "path")
	if f.Path != "" && !isPath(f.Path) {
		c.report(at+".path", fmt.Sprintf("path is %s, want a clean absolute path below /", quoted(f.Path)), "")
	}
	if hasWhiteout(f.Path) {
		c.report(at+".path", fmt.Sprintf("path %s has a name that begins with .wh.", quoted(f.Path)), "in a layer such a name deletes another")
	}
	if f.Mode != "" {
		c.mode(at+".mode", f.Mode)
	}
	c.id(at+".uid", f.UID)
	c.id(at+".gid", f.GID)
	c.source(at, f)
	distinct(c, at+".platforms", f.Platforms)
	c.want(!hasControl(f.Target) && len(f.Target) <= maxPath, at+".target", "target is %s, want a path", quoted(f.Target))
	switch f.Type {
	case "", TypeFile:
		c.fields(at, f, "", "target")
		if (f.Content == nil) == (f.Source == "") {
			c.report(at, foundSources(f)+", want one of them", `an empty file is content: ""`)
		}
	case TypeDir:
		c.fields(at, f, "", "content", "source", "target")
	case TypeSymlink:
		c.fields(at, f, "target", "content", "source", "mode")
	case TypeLinks:
		c.fields(at, f, "source,target", "content", "mode")
	default:
		c.report(at+".type", fmt.Sprintf("type is %s, want %s", quoted(f.Type), orList(types)), didYouMean(f.Type, types))
	}
}

// source checks where the bytes of a file come from. What comes from elsewhere
// is named by its digest.
func (c checker) source(at string, f File) {
	switch {
	case f.Source == "":
		c.want(f.Digest.IsZero(), at+".digest", "there is a digest and no source")
	case !isRemote(f.Source):
		c.local(at+".source", f.Source)
	case !strings.HasPrefix(f.Source, "https://") || !isURI(f.Source) || strings.Count(f.Source, "/") < 3:
		c.report(at+".source", fmt.Sprintf("source is %s, want an https URL of a file, without credentials and query", quoted(f.Source)), "")
	case f.Digest.IsZero():
		c.report(at+".source", "source is a URL, and there is no digest", "digest: sha256:…, of the file that is meant")
	}
}

// places refuses an entry for a platform that the image does not have.
func (c checker) places(at string, files []File, platforms []Platform) {
	for i, f := range files {
		for j, p := range f.Platforms {
			c.want(slices.Contains(platforms, p), fmt.Sprintf("%s[%d].platforms[%d]", at, i, j), "%s is not one of the image's platforms", p)
		}
	}
}

// paths refuses two entries at one path, and an entry below one that is a file,
// unless no platform has both.
func (c checker) paths(at string, p Patch) {
	type entry struct {
		File
		at     string
		isFile bool
	}
	var all []entry
	byPath := map[string][]entry{}
	add := func(f File, at string, isFile bool) {
		e := entry{f, at, isFile}
		all, byPath[f.Path] = append(all, e), append(byPath[f.Path], e)
	}
	for i, f := range p.Files {
		add(f, fmt.Sprintf("%s[%d].path", join(at, "files"), i), f.Type == "" || f.Type == TypeFile)
	}
	for i, g := range p.Go {
		add(File{Path: g.Path}, fmt.Sprintf("%s[%d].path", join(at, "go"), i), true)
	}
	for _, e := range all {
		for _, other := range byPath[e.Path] {
			if other.at == e.at {
				break // those that come later report it
			}
			if together(e.File, other.File) {
				c.report(e.at, fmt.Sprintf("path %s is listed twice", quoted(e.Path)), "")
				break
			}
		}
		if !isPath(e.Path) {
			continue // reported, and of any length
		}
		for dir := path.Dir(e.Path); dir != "/"; dir = path.Dir(dir) {
			for _, above := range byPath[dir] {
				c.want(!above.isFile || !together(e.File, above.File), e.at, "path %s is below %s, which is a file", quoted(e.Path), quoted(dir))
			}
		}
	}
}

// together reports whether some platform has both entries.
func together(a, b File) bool {
	return len(a.Platforms) == 0 || len(b.Platforms) == 0 || slices.ContainsFunc(a.Platforms, b.On)
}

// fields demands the fields of needs and refuses those in without.
func (c checker) fields(at string, f File, needs string, without ...string) {
	has := map[string]bool{"content": f.Content != nil, "source": f.Source != "", "target": f.Target != "", "mode": f.Mode != ""}
	kind := f.Type
	if kind == "" {
		kind = TypeFile
	}
	for _, key := range sortedKeys(has) {
		switch {
		case has[key] && slices.Contains(without, key):
			c.report(join(at, key), fmt.Sprintf("type %s has no %s", kind, key), "")
		case !has[key] && slices.Contains(strings.Split(needs, ","), key):
			c.report(join(at, key), fmt.Sprintf("type %s needs %s", kind, key), "")
		}
	}
}

func foundSources(f File) string {
	if f.Content != nil {
		return "found both content and source"
	}
	return "found neither content nor source"
}

// IsFilePath reports whether p can be the path of an entry of files: absolute,
// clean, of text without control characters, no name in it longer than Linux
// allows or one that deletes another.
func IsFilePath(p string) bool { return utf8.ValidString(p) && isPath(p) && !hasWhiteout(p) }

func isPath(p string) bool { return isAbsolute(p) && !longName(p) }

func hasWhiteout(p string) bool { return strings.Contains(p, "/.wh.") }

// longName reports whether a name in p is longer than Linux allows.
func longName(p string) bool {
	return slices.ContainsFunc(strings.Split(p, "/"), func(s string) bool { return len(s) > 255 })
}

func (c checker) config(at string, cfg Config) {
	c.want(isUser(cfg.User), at+".user", "user is %s, want user or user:group, as names or numbers", quoted(cfg.User))
	for _, key := range sortedKeys(cfg.Env) {
		c.want(key != "" && !strings.Contains(key, "=") && !hasControl(key), at+".env."+key+keyMark, "key %s is no name of an environment variable", quoted(key))
		c.text(at+".env."+key, cfg.Env[key])
	}
	for name, m := range map[string]map[string]string{"labels": cfg.Labels, "annotations": cfg.Annotations} {
		for _, key := range sortedKeys(m) {
			c.want(key != "" && !hasControl(key), at+"."+name+"."+key+keyMark, "key %s is empty or has control characters", quoted(key))
			c.text(at+"."+name+"."+key, m[key])
			if name == "annotations" && (key == BaseName || key == BaseDigest) {
				c.report(at+"."+name+"."+key+keyMark, key+" follows from the lock", "leave it out: from says what the base is")
			}
		}
	}
	for name, list := range map[string][]string{"entrypoint": cfg.Entrypoint, "cmd": cfg.Cmd} {
		for i, s := range list {
			c.text(fmt.Sprintf("%s.%s[%d]", at, name, i), s)
		}
	}
	c.want(len(cfg.Entrypoint) == 0 || cfg.Entrypoint[0] != "", at+".entrypoint", "entrypoint begins with an empty word, want a program")
	c.want(cfg.Workdir == "" || cfg.Workdir == "/" || isAbsolute(cfg.Workdir), at+".workdir", "workdir is %s, want a clean absolute path", quoted(cfg.Workdir))
	for i, p := range cfg.Ports {
		c.want(isPort(p), fmt.Sprintf("%s.ports[%d]", at, i), "port is %s, want 1 to 65535, then /tcp, /udp or nothing", quoted(p))
	}
	distinct(c, at+".ports", cfg.Ports)
	for i, v := range cfg.Volumes {
		c.want(isAbsolute(v), fmt.Sprintf("%s.volumes[%d]", at, i), "volume is %s, want a clean absolute path below /", quoted(v))
	}
	distinct(c, at+".volumes", cfg.Volumes)
	c.want(cfg.StopSignal == "" || isSignal(cfg.StopSignal), at+".stop-signal", "stop-signal is %s, want a name such as SIGTERM or a number", quoted(cfg.StopSignal))
}

// text refuses NUL, which ends a string wherever a program reads it.
func (c checker) text(at, s string) {
	c.want(!strings.Contains(s, "\x00"), at, "found a NUL in %s", quoted(s))
}

// isUser holds "", user and user:group.
func isUser(s string) bool {
	if s == "" {
		return true
	}
	user, group, ok := strings.Cut(s, ":")
	part := func(s string) bool { return isAccount(s) || isNumber(s, maxID) }
	return part(user) && (!ok || part(group))
}
