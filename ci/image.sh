#!/usr/bin/env bash
# Builds images/static into out/static. When a locked package is on no mirror
# that can be reached, not even the snapshot service, it locks a copy anew below
# out/ and says so: a fresh clone still ends with an image, but with its own
# digests. basal build by itself never does that.
set -euo pipefail
cd "$(dirname "$0")/.."

image=static
unavailable=3 # basal's exit code for what the network did not give
mkdir -p out
rm -rf out/static out/relocked

code=0
bin/basal build "$image" -o out/static || code=$?
if [[ $code == "$unavailable" ]]; then
	echo >&2
	echo "A package that images/static/lock.json names cannot be fetched: locking a copy anew." >&2
	mkdir out/relocked
	cp -R images/static out/relocked/static
	image=./out/relocked/static
	bin/basal lock "$image"
	bin/basal build "$image" -o out/static
	cat >&2 <<-'TEXT'

	*******************************************************************************
	*  THESE DIGESTS ARE NOT THE COMMITTED ONES.                                  *
	*  The image was made from today's packages (out/relocked/static/lock.json),  *
	*  not from images/static/lock.json. Nobody else can be expected to get them. *
	*******************************************************************************

	TEXT
elif [[ $code != 0 ]]; then
	exit "$code"
fi

cat >&2 <<TEXT

out/static is an OCI layout with all variants and platforms. To use it:
  bin/basal build $image -o out/static.tar && docker load -i out/static.tar
  skopeo copy oci:out/static:latest docker-daemon:static:latest
TEXT
