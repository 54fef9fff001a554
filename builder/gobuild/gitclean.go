package gobuild

import (
	"context"
	"os"
	"os/exec"
	"strings"

	"github.com/basal-project/basal/internal/diag"
)

// checkClean refuses a module whose files are not those of the commit that git
// has checked out. It looks at each module once.
func (t *Tool) checkClean(ctx context.Context, m localModule) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	err, done := t.clean[m.dir]
	if !done {
		err = t.gitStatus(ctx, m)
		t.clean[m.dir] = err
	}
	return err
}

func (t *Tool) gitStatus(ctx context.Context, m localModule) error {
	// A repository may name programs that git should run; none is needed here.
	cmd := exec.CommandContext(ctx, "git", "-c", "core.fsmonitor=false", "-c", "core.hooksPath="+os.DevNull,
		"status", "--porcelain", "--untracked-files=all", "--ignore-submodules=none", "--", ".")
	cmd.Dir = m.dir
	cmd.Env = []string{"PATH=" + t.env.path, "HOME=" + t.env.home, "LC_ALL=C", "GIT_OPTIONAL_LOCKS=0", "GIT_TERMINAL_PROMPT=0"}
	out, errText := &limited{most: 1 << 20, drop: true}, &limited{most: 1 << 20, drop: true}
	cmd.Stdout, cmd.Stderr = out, errText
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		text := firstLine(t.readable(errText.String(), m.dir))
		if text == "" {
			text = err.Error()
		}
		return diag.Usagef("--clean-source: module %s: git says: %s", m.path, text).WithHint("a clean source is that of a git commit")
	}
	if changed := strings.TrimRight(out.String(), "\n"); changed != "" {
		return diag.Usagef("--clean-source: module %s differs from its commit:%s", m.path, indent(&commandError{text: t.readable(changed+"\n", m.dir)})).
			WithHint("commit or remove the changes")
	}
	return nil
}
