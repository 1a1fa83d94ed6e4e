#!/bin/sh
# Run a command as root of namespaces of its own, which any user may make on most kernels; else through sudo.
if unshare --user --map-root-user true 2>/dev/null; then
    exec unshare --user --map-root-user --net --mount --pid --ipc --fork --mount-proc --kill-child \
        sh -c 'ip link set lo up && exec "$@"' sh "$@"
fi
exec sudo -E "$@"
