# Names only: what a target does is in Go or in a script below ci/.
#
# Every target needs Go, make, git and the network to the module proxy and a
# Debian mirror. Only test-system needs more (root and Debian packages), and
# installs it.

export CGO_ENABLED = 0

FUZZTIME ?= 10s
PUSHES ?= 1000
REGISTRIES ?= all
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2

# Go's own build id stays: it follows from the inputs alone (-trimpath and
# -buildvcs=false keep the folder and the commit out), so the binary is the same
# on every host, and go build can see that nothing changed. An empty one
# (-buildid=) would link anew each time.
#
# ci/basal.pgo is a profile of basal at work: with it the compiler makes a build
# of images about a twentieth cheaper, and itself takes a minute longer the first
# time. It is not called default.pgo, so tests are compiled without it.
GOBUILD = go build -trimpath -buildvcs=false -ldflags='-s -w' -pgo=ci/basal.pgo

.PHONY: help build image test test-system e2e lint verify-images golden bench bench-ratio soak fuzz profile docs clean

help: ## list the targets
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/\1|\2/p' Makefile | while IFS='|' read -r name text; do printf '  %-14s %s\n' "$$name" "$$text"; done

build: ## bin/basal
	$(GOBUILD) -o bin/basal ./cmd/basal

image: build ## out/static, from the committed lock; prints its digests and how to load it
	@ci/image.sh

test: ## everything that needs neither root nor other programs; one test uses the real Debian mirror
	go vet ./...
	go test ./...
	go test -tags=live -count=1 ./ci/live

test-system: build ## installs Debian packages (Docker, Buildah, a registry, qemu, …) and tests with them; root
	@ci/system.sh -tags=system

e2e: build ## test-system and what takes long to compile: cosign, distribution, basal for arm64 and with another Go
	@ci/system.sh -tags=system,e2e

lint: ## gofmt, go vet, staticcheck
	@test -z "$$(gofmt -l .)" || { echo 'not formatted by gofmt:'; gofmt -l .; exit 1; }
	go vet -tags=system,live,e2e ./...
	go run $(STATICCHECK) -tags=system,live,e2e ./...

verify-images: build ## rebuild every committed image and compare it with its digests.txt
	go run ./ci/golden

golden: build ## write every digests.txt anew, after a change that is meant
	go run ./ci/golden -update

bench: build ## CPU, wall and memory beside Debian's own tools, and the numbers that are asked
	go run ./ci/bench

bench-ratio: build ## only the first ratio: CPU of basal build over dpkg-deb and gzip
	@go run ./ci/bench -ratio

soak: build ## PUSHES (1000) pushes through connections that toxiproxy breaks, to REGISTRIES (all, or quick: without distribution)
	go run ./ci/soak -n $(PUSHES) -registries $(REGISTRIES)

fuzz: ## each fuzz target for FUZZTIME (10s)
	@ci/fuzz.sh $(FUZZTIME)

profile: ## write ci/basal.pgo anew, after a change to what a build spends its time on
	go run ./ci/profile

docs: build ## man pages in out/man
	bin/basal man out/man

clean: ## remove bin and out
	rm -rf bin out
