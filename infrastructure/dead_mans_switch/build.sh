#!/bin/sh
# What the function needs beside boto3, which Lambda has: the harness without its twin, and tenacity.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
project=$(cd "$here/../.." && pwd)
rm -rf "$here/build"
mkdir -p "$here/build"
(cd "$project" && find harness -name '*.py' -not -path 'harness/twin/*' | cpio -pdm --quiet "$here/build")
"${PYTHON:-python3}" -m pip install --quiet --no-deps --target "$here/build" "$(grep -o '^tenacity==[0-9.]*' "$project/requirements.lock")"
