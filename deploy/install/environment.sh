# What is installed, and how it gets there. Sourced by install.sh. Two kinds of folders, so that an upgrade of the code
# neither fetches nor stores the libraries again:
#   environments/<lock and Python>/   a virtual environment with exactly what the lock file says
#   versions/<version and content>/   our package, its launcher, and the sources to repair and uninstall with
# A folder without .complete was interrupted, counts as missing and is made again.
# shellcheck shell=sh disable=SC2154 # source, prefix, lock, bundle are install.sh's

digest() { sha256sum | cut -c 1-12; }

environment_folder() {
    key=$({ cat "$source/requirements/$lock.lock" && /usr/bin/python3 -c 'import sys; print(sys.version_info[:2])'; } | digest)
    echo "$prefix/environments/$lock-$key"
}

version_id() { # of the code, whatever it calls itself
    number=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' "$source/pose_edge/__init__.py")
    # shellcheck disable=SC2086 # a list of words
    content=$(cd "$source" && find $shipped -type f ! -name '*.pyc' -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | digest)
    echo "$number-$content"
}

# What a version consists of; the rest of a checkout stays behind.
shipped="pose_edge requirements systemd config deploy/install deploy/install.sh"

# A Python that the system has replaced leaves an environment that does not start, or finds no libraries.
environment_works() {
    [ -e "$1/.complete" ] && "$1/bin/python" -I -c 'import mediapipe.tasks, numpy, cv2, paho.mqtt, pydantic, yaml' >/dev/null 2>&1
}

make_environment() { # FOLDER
    if environment_works "$1"; then return; fi
    say "installing the libraries of $lock.lock (on a Pi a few minutes the first time)"
    rm -rf "$1"
    mkdir -p "$prefix/environments"
    /usr/bin/python3 -m venv --system-site-packages "$1" || fail "cannot make a Python environment in $1 (apt install python3-venv)"
    set -- "$1" --quiet --disable-pip-version-check --no-input --no-deps --ignore-installed --only-binary :all: \
        --require-hashes --no-cache-dir -r "$source/requirements/$lock.lock"
    # A bundle holds all; PIP_CONFIG_FILE, because an index named there would be asked in spite of --no-index's purpose.
    if [ -n "$bundle" ]; then
        (folder=$1 && shift && PIP_CONFIG_FILE=/dev/null "$folder/bin/python" -m pip install "$@" --no-index --find-links "$bundle/wheels")
    else
        (folder=$1 && shift && "$folder/bin/python" -m pip install "$@")
    fi || fail "the libraries could not be installed (see above); run it again when that is mended: nothing has changed"
    sync -f "$1" # or a cut of the power leaves .complete, and files without content
    touch "$1/.complete"
    environment_works "$1" || fail "the libraries are installed but cannot be imported: $("$1/bin/python" -I -c 'import mediapipe.tasks, numpy, cv2, paho.mqtt, pydantic, yaml' 2>&1 | tail -n 1)"
}

make_version() { # FOLDER ENVIRONMENT
    if [ -e "$1/.complete" ] && [ "$(cat "$1/.complete")" = "$2" ]; then return; fi
    # Beside it first: a repair is run from the very folder that it replaces.
    rm -rf "$1.new"
    mkdir -p "$1.new/source" "$1.new/bin"
    # shellcheck disable=SC2086 # a list of words
    (cd "$source" && tar -cf - --exclude=__pycache__ --exclude='*.pyc' $shipped) | tar -xf - -C "$1.new/source" --no-same-owner
    # -I: neither the current directory nor the user's environment has a say in what is imported.
    cat >"$1.new/bin/pose-edge" <<EOF
#!$2/bin/python -I
import sys

sys.path.insert(0, "$1/source")
from pose_edge.__main__ import main

main()
EOF
    chmod 755 "$1.new/bin/pose-edge"
    chmod -R go+rX "$1.new"
    # Two renames, not a removal that takes its time: this may be what runs.
    rm -rf "$1.old"
    if [ -e "$1" ]; then mv "$1" "$1.old"; fi
    mv "$1.new" "$1"
    rm -rf "$1.old"
    # The service cannot write there.
    "$2/bin/python" -m compileall -q "$1/source/pose_edge" >/dev/null
    "$1/bin/pose-edge" --version >/dev/null || fail "the new version does not start (see above); nothing has changed"
    sync -f "$1" # as above
    echo "$2" >"$1/.complete"
}

prune() { # keep what runs and what a rollback needs
    kept=" $(readlink "$prefix/current" || true) $(readlink "$prefix/previous" || true) "
    used=''
    for folder in "$prefix"/versions/*; do
        [ -d "$folder" ] || continue
        case $kept in
        *" $folder "*) used="$used $(cat "$folder/.complete" 2>/dev/null) " ;;
        *) rm -rf "$folder" ;;
        esac
    done
    for folder in "$prefix"/environments/*; do
        [ -d "$folder" ] || continue
        case $used in *" $folder "*) ;; *) rm -rf "$folder" ;; esac
    done
}
