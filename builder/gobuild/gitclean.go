package gobuild

import (
	"bytes"
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/basal-project/basal/internal/diag"
)

// tree is what git's commit has in a module's folder: by name as seen from there,
// with slashes.
type tree map[string]blob

// blob is an entry of a git tree.
type blob struct{ mode, id string }

// checkClean refuses source that is not what the commit has which git has
// checked out. The files themselves are compared: git's own answer depends on
// what its configuration ignores, filters and skips.
func (t *Tool) checkClean(ctx context.Context, s source) error {
	commit, err := t.commit(ctx, s.module)
	if err != nil {
		return err
	}
	changed, err := s.changes(commit)
	if err != nil || len(changed) == 0 {
		return err
	}
	if more := len(changed) - maxLines; more > 0 {
		changed = append(changed[:maxLines], fmt.Sprintf("and %d more", more))
	}
	return diag.Usagef("--clean-source: module %s differs from its commit:\n  %s", s.module.path, strings.Join(changed, "\n  ")).
		WithHint("commit or remove the changes; the files must have the very bytes of the commit")
}

// changes returns what makes the source differ from the commit, sorted. A file
// that the commit has beside those that are compiled counts, too: it might be one
// that should be compiled.
func (s source) changes(commit tree) ([]string, error) {
	want := map[string]bool{}
	for _, name := range s.files {
		want[name] = true
	}
	for name, b := range commit {
		if strings.HasPrefix(b.mode, "100") && s.besidePackage(name) {
			want[name] = true
		}
	}
	var changed []string
	folders := map[string]bool{}
	for name := range want {
		b, ok := commit[name]
		switch {
		case !ok:
			changed = append(changed, name+" is not in the commit")
		case !s.module.has(name):
			changed = append(changed, name+" is missing")
		default:
			same, err := s.module.isBlob(name, b, folders)
			if err != nil {
				return nil, err
			}
			if !same {
				changed = append(changed, name+" is changed")
			}
		}
	}
	// Files that are embedded by a pattern can be missing, too, or be taken away
	// by a go.mod that makes another module of their folder.
	for name := range commit {
		if !s.belowEmbedding(name) || want[name] {
			continue
		}
		if !s.module.has(name) {
			changed = append(changed, name+" is missing")
		}
		if mod := path.Join(path.Dir(name), "go.mod"); s.module.has(mod) && commit[mod].id == "" {
			changed = append(changed, mod+" is not in the commit")
		}
	}
	slices.Sort(changed)
	return slices.Compact(changed), nil
}

func (s source) besidePackage(name string) bool {
	dir := path.Dir(name)
	return slices.ContainsFunc(s.packages, func(p localPackage) bool { return p.dir == dir })
}

func (s source) belowEmbedding(name string) bool {
	return slices.ContainsFunc(s.packages, func(p localPackage) bool {
		return len(p.listing.EmbedFiles) > 0 && (p.dir == "." || strings.HasPrefix(name, p.dir+"/"))
	})
}

// isBlob reports whether a file has the bytes of a git blob.
func (m localModule) isBlob(name string, b blob, folders map[string]bool) (bool, error) {
	f, err := m.open(name, folders)
	if err != nil {
		return false, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return false, err
	}
	h := sha1.New()
	if len(b.id) == hex.EncodedLen(sha256.Size) {
		h = sha256.New()
	}
	fmt.Fprintf(h, "blob %d\x00", info.Size())
	if _, err := io.Copy(h, f); err != nil {
		return false, m.unreadable(name, err)
	}
	return hex.EncodeToString(h.Sum(nil)) == b.id, nil
}

// commit returns the tree of a module's folder in the commit that is checked out.
// It looks at each module once.
func (t *Tool) commit(ctx context.Context, m localModule) (tree, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if known, ok := t.commits[m.dir]; ok {
		return known, nil
	}
	found, err := t.readCommit(ctx, m)
	if err == nil {
		t.commits[m.dir] = found
	}
	return found, err
}

func (t *Tool) readCommit(ctx context.Context, m localModule) (tree, error) {
	const hint = "a clean source is that of a git commit"
	root := m.dir
	for {
		if _, err := os.Lstat(filepath.Join(root, ".git")); err == nil {
			break
		}
		parent := filepath.Dir(root)
		if parent == root {
			return nil, diag.Usagef("--clean-source: module %s is in no git repository", m.path).WithHint(hint)
		}
		root = parent
	}
	rel, err := filepath.Rel(root, m.dir)
	if err != nil {
		return nil, err
	}
	if rel = filepath.ToSlash(rel); rel == "." {
		rel = ""
	}
	cmd := exec.CommandContext(ctx, "git", "ls-tree", "-r", "-z", "--full-tree", "HEAD:"+rel)
	cmd.Dir = root
	// This only reads objects: nothing that the repository names is run, and what
	// a partial clone does not have is not fetched.
	cmd.Env = []string{
		"PATH=" + t.env.path, "LC_ALL=C", "GIT_DIR=" + filepath.Join(root, ".git"), "GIT_WORK_TREE=" + root,
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + os.DevNull, "GIT_NO_REPLACE_OBJECTS=1",
		"GIT_NO_LAZY_FETCH=1", "GIT_ALLOW_PROTOCOL=none", "GIT_OPTIONAL_LOCKS=0", "GIT_TERMINAL_PROMPT=0",
	}
	out, errText := &limited{most: maxOutput}, &limited{most: 1 << 20, drop: true}
	cmd.Stdout, cmd.Stderr = out, errText
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		text := firstLine(t.readable(errText.String(), root))
		if text == "" {
			text = err.Error()
		}
		return nil, diag.Usagef("--clean-source: module %s: git says: %s", m.path, text).WithHint(hint)
	}
	return parseTree(out.Bytes())
}

// parseTree reads what git ls-tree -z prints: "MODE TYPE ID\tNAME" and a NUL for
// each entry.
func parseTree(b []byte) (tree, error) {
	found := tree{}
	for entry := range bytes.SplitSeq(b, []byte{0}) {
		if len(entry) == 0 {
			continue
		}
		what, name, ok := strings.Cut(string(entry), "\t")
		words := strings.Fields(what)
		if !ok || len(words) != 3 {
			return nil, fmt.Errorf("git ls-tree says %q", entry)
		}
		found[name] = blob{mode: words[0], id: words[2]}
	}
	return found, nil
}
