#!/usr/bin/env bash
# Installs what the tests in ci/system run, and runs them: as root, because they
# start a Docker engine, mount a full disk and become other users. Arguments are
# go test's: -tags=system, or -tags=system,e2e for those that take long.
set -euo pipefail
cd "$(dirname "$0")/.."

if [[ $(id -u) != 0 ]]; then
	exec sudo env "PATH=$PATH" "$0" "$@"
fi

# qemu-user, not qemu-user-static: faketime reaches it through the dynamic
# linker, and through it the clock of a Go program.
commands=(dockerd docker buildah docker-registry skopeo umoci faketime qemu-x86_64 qemu-aarch64 gcc)
packages=(docker.io buildah docker-registry skopeo umoci faketime qemu-user gcc libc6-dev)

missing=0
for command in "${commands[@]}"; do
	command -v "$command" > /dev/null || missing=1
done
if [[ $missing == 1 ]]; then
	export DEBIAN_FRONTEND=noninteractive
	apt-get -o Acquire::Retries=3 -q update
	apt-get -o Acquire::Retries=3 -q install -y --no-install-recommends "${packages[@]}"
	# Tests start registries of their own; Debian starts one with the package.
	if [[ -d /run/systemd/system ]]; then
		systemctl disable --now docker-registry
	fi
	# Since Debian 13 the client is a package of its own.
	command -v docker > /dev/null || apt-get -o Acquire::Retries=3 -q install -y docker-cli
fi

exec go test -count=1 -timeout=60m "$@" ./ci/system
