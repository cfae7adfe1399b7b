#!/bin/sh
# Installs pose-edge as a service on a Raspberry Pi or another Debian: libraries, program, user, unit, model, start.
#
#   sudo deploy/install.sh                    install, upgrade or repair; may be run again at any time
#   sudo deploy/install.sh --config FILE      with this configuration instead of the one in /etc/pose-edge, which is kept
#   sudo deploy/install.sh --offline FOLDER   from a bundle (tools/bundle), without any network
#        deploy/install.sh check              can it run here? Changes nothing, needs no root
#   sudo deploy/install.sh egress             after mqtt.host was changed: let the service reach the new broker
#   sudo deploy/install.sh rollback           back to the version before
#   sudo deploy/install.sh uninstall          remove it; --purge: with configuration, alerts and models
#
# An upgrade whose new version does not get ready is undone by itself; one that was interrupted, when it is run again.
# Installed, this script is /opt/pose-edge/current/source/deploy/install.sh.
set -eu
PATH=$PATH:/usr/sbin:/sbin
export LC_ALL=C

here=$(cd "$(dirname "$(readlink -f "$0")")" && pwd)
source=$(dirname "$here")
prefix=/opt/pose-edge
state=/var/lib/pose-edge
config=/etc/pose-edge/config.yaml
ready_s=${POSE_EDGE_READY_S:-180} # a Pi 3 needs 20 s for the model, a camera some attempts
root=${POSE_EDGE_ROOT:-} # only looked at, by `check`: tests put other machines there
changed=no

say() { echo "install: $*" >&2; }
fail() {
    say "$*"
    exit 1
}

# shellcheck source=install/preflight.sh
. "$here/install/preflight.sh"
# shellcheck source=install/environment.sh
. "$here/install/environment.sh"
# shellcheck source=install/data.sh
. "$here/install/data.sh"
# shellcheck source=install/service.sh
. "$here/install/service.sh"

usage() { sed -n '2,14s/^# \{0,1\}//p' "$0" >&2; }

action=install bundle='' wanted_config='' data=keep
while [ $# -gt 0 ]; do
    case $1 in
    install | check | egress | rollback | uninstall) action=$1 ;;
    --purge) data=remove ;;
    --config | --offline)
        [ $# -gt 1 ] || fail "$1 needs a name after it"
        if [ "$1" = --config ]; then wanted_config=$2; else bundle=$2; fi
        shift
        ;;
    -h | --help)
        usage
        exit 0
        ;;
    *)
        say "$1 is no word it knows"
        usage
        exit 2
        ;;
    esac
    shift
done

system_packages() {
    wanted=''
    /usr/bin/python3 -c 'import venv, ensurepip' 2>/dev/null || wanted="$wanted python3-venv"
    for pair in libegl1:libEGL.so.1 libgles2:libGLESv2.so.2 libseccomp2:libseccomp.so.2; do
        ldconfig -p | grep -qF "${pair#*:} " || wanted="$wanted ${pair%:*}"
    done
    case $board in
    *Raspberry*) /usr/bin/python3 -c 'import picamera2' 2>/dev/null || wanted="$wanted python3-picamera2" ;;
    esac
    [ -n "$wanted" ] || return 0
    [ -z "$bundle" ] || fail "missing from the system, and not in a bundle: apt install$wanted"
    say "installing from the system's packages:$wanted"
    # shellcheck disable=SC2086 # a list of words
    { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends $wanted; } >&2 ||
        fail "apt-get could not install$wanted (its words are above); nothing has changed"
}

install_all() {
    [ -d /run/systemd/system ] || fail "systemd does not run here"
    if [ -z "$bundle" ] && [ -d "$source/wheels" ]; then bundle=$source; fi
    [ -z "$bundle" ] || [ -d "$bundle/wheels" ] || fail "$bundle is no bundle: it has no wheels/ (made by tools/bundle)"
    see_what_was_interrupted
    preflight || fail "nothing was installed"
    system_packages
    mkdir -p $prefix/versions
    environment=$(environment_folder)
    make_environment "$environment"
    version=$prefix/versions/$(version_id)
    make_version "$version" "$environment"
    make_user
    write_config
    fetch_model
    write_egress "$version"
    switch_to "$version"
    prune
}

if [ "$action" = check ]; then
    check_interrupted
    if preflight; then
        echo "$lock"
        exit 0
    fi
    exit 1
fi
[ "$(id -u)" = 0 ] || fail "this needs root: sudo $0 $action"
exec 9>/run/lock/pose-edge-install
flock -n 9 || fail "it is already running"
case $action in
install) install_all ;;
rollback) rollback ;;
uninstall) uninstall $data ;;
egress)
    write_egress $prefix/current || fail "$config has mistakes (see above)"
    systemctl daemon-reload
    if [ $changed = yes ]; then systemctl restart --no-block pose-edge.service; fi
    ;;
esac
