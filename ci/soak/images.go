package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const basal = "bin/basal"

// An image is a locked spec and the digest of what it builds.
type image struct {
	dir    string
	digest string
}

// Every image extends one of two others, so that some blobs are shared.
const (
	baseSpec = `version: 1
name: base
platforms: [linux/amd64, linux/arm64]
files:
  - {path: /base, source: data}
`
	spec = `version: 1
name: soak
platforms: [linux/amd64, linux/arm64]
extends: ../base%d
files:
  - {path: /data, source: data}
config: {user: "65532"}
variants:
  root: {config: {user: "0"}}
`
)

// makeImages writes, locks and builds six images with two layers of some hundred
// kilobytes that no compressor makes smaller.
func makeImages(ctx context.Context, dir string, seed int64) ([]image, error) {
	random := rand.NewChaCha8([32]byte{0: byte(seed), 1: byte(seed >> 8)})
	folder := func(name, spec string, size int) (string, error) {
		at := filepath.Join(dir, name)
		data := make([]byte, size)
		random.Read(data)
		if err := os.Mkdir(at, 0o755); err != nil {
			return "", err
		}
		if err := os.WriteFile(filepath.Join(at, "data"), data, 0o644); err != nil {
			return "", err
		}
		if err := os.WriteFile(filepath.Join(at, "image.yaml"), []byte(spec), 0o644); err != nil {
			return "", err
		}
		_, err := output(ctx, "lock", at)
		return at, err
	}
	for i := range 2 {
		if _, err := folder(fmt.Sprintf("base%d", i), baseSpec, 300_000); err != nil {
			return nil, err
		}
	}
	var images []image
	for i := range 6 {
		at, err := folder(fmt.Sprintf("image%d", i), fmt.Sprintf(spec, i%2), 100_000*(i+1))
		if err != nil {
			return nil, err
		}
		out, err := output(ctx, "build", at, "-o", filepath.Join(dir, "out"))
		if err != nil {
			return nil, err
		}
		digest, _, _ := strings.Cut(out, " ") // of the variant latest, which comes first
		images = append(images, image{at, digest})
	}
	return images, nil
}

// output runs basal, which has to succeed.
func output(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, basal, args...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", basal, strings.Join(args, " "), err, stderr.String())
	}
	return string(out), nil
}
