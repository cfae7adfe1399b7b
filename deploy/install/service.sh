# The unit, the switch from one version to the next and back, and the end of it all. Sourced by install.sh.
# shellcheck shell=sh disable=SC2154 # prefix, state, config, ready_s are install.sh's

unit=/etc/systemd/system/pose-edge.service
drop_ins=/etc/systemd/system/pose-edge.service.d

make_user() {
    getent group pose-edge >/dev/null || groupadd --system pose-edge
    id pose-edge >/dev/null 2>&1 ||
        useradd --system --gid pose-edge --home-dir "$state" --no-create-home --shell /usr/sbin/nologin pose-edge
    for group in video render; do # cameras; render where there is one
        if getent group $group >/dev/null; then usermod --append --groups $group pose-edge; fi
    done
}

replace() { # FILE MODE: put all of stdin in its place, or nothing; `changed` becomes yes if it was another
    if ! { cat >"$1.new" && chmod "$2" "$1.new" && sync "$1.new"; }; then
        rm -f "$1.new"
        fail "$1 could not be written and is as it was: is the disk full?"
    fi
    if cmp -s "$1.new" "$1"; then
        rm "$1.new"
        return
    fi
    mv "$1.new" "$1"
    changed=yes
}

write_egress() {
    mkdir -p $drop_ins
    allowed=$("$1/bin/pose-edge" config egress "$config") || return 1
    # Not through a pipe, whose shell would keep `changed` to itself.
    replace $drop_ins/50-egress.conf 644 <<EOF
$allowed
EOF
}

write_unit() { # VERSION
    replace $unit 644 <"$1/source/systemd/pose-edge.service"
}

point() { # NAME FOLDER: at every moment the link is there, and points to one of them
    ln -sfn "$2" "$prefix/$1.new"
    mv -fT "$prefix/$1.new" "$prefix/$1"
}

show() { systemctl show -P "$1" pose-edge.service; }

# 0: READY, and still so a moment later. 1: it ended or is restarted, or says nothing for too long; $why says which.
wait_ready() {
    deadline=$(($(date +%s) + ready_s))
    while :; do
        case $(show ActiveState)-$(show NRestarts) in
        active-0)
            sleep 3
            if [ "$(show ActiveState)-$(show NRestarts)" = active-0 ]; then return 0; fi
            ;;
        failed-*)
            why="it ended with exit status $(show ExecMainStatus)"
            return 1
            ;;
        *-0) ;;
        *)
            why="it ended and was started again"
            return 1
            ;;
        esac
        if [ "$(date +%s)" -ge $deadline ]; then
            why="no READY within $ready_s s"
            return 1
        fi
        sleep 0.3
    done
}

# What the service was told when it was last started from here; of the password only when and how long it was written.
told() {
    sha256sum <"$config"
    stat -c '%i %s %y' "${config%/*}/mqtt-password" 2>/dev/null
}

# Whoever edited the configuration or the password expects it in force; systemd hands a password over at a start only.
see_what_was_edited() {
    if [ "$(told)" != "$(cat "$prefix/told" 2>/dev/null)" ]; then changed=yes; fi
}

start() { # a start of ours counts from zero
    told >"$prefix/told" || true
    systemctl reset-failed pose-edge.service 2>/dev/null || true
    systemctl stop pose-edge.service
    systemctl --no-block start pose-edge.service
}

last_words() {
    journalctl --unit=pose-edge.service --priority=warning --lines=5 --output=cat --no-pager _SYSTEMD_INVOCATION_ID="$(show InvocationID)" + UNIT=pose-edge.service 2>/dev/null |
        tail -n 5 | sed 's/^/    /' >&2
}

# An upgrade is noted until its version was READY: a cut of the power (a terminal, a kill) meanwhile leaves a version
# that nobody has tried. Four lines: that version, the last one that was READY, what `previous` was, whether that one ran.
pending=$prefix/pending

note_pending() { # VERSION
    printf '%s\n' "$1" "$before" "$earlier" "$was" >"$pending.new"
    sync "$pending.new"
    mv -f "$pending.new" "$pending"
    sync "$prefix"
}

begin() { # sets before, earlier, was: what to go back to
    before=$(readlink "$prefix/current" || true)
    earlier=$(readlink "$prefix/previous" || true)
    was=$(show ActiveState)
    if [ -e "$pending" ]; then { read -r _ && read -r before && read -r earlier && read -r was; } <"$pending" || true; fi
}

see_what_was_interrupted() {
    [ -e "$pending" ] || return 0
    begin
    to=$(head -n 1 "$pending")
    if [ "$(readlink "$prefix/current")" != "$before" ]; then
        say "the upgrade to ${to##*/} was interrupted before it was ready; ${before##*/} comes back unless what is installed now gets ready"
        return
    fi
    restore_previous
    rm -f "$pending"
    say "the upgrade to ${to##*/} was interrupted; ${before##*/} is in its place"
}

restore_previous() {
    if [ -n "$earlier" ] && [ -e "$earlier/.complete" ]; then point previous "$earlier"; else rm -f "$prefix/previous"; fi
}

runs() { # of a version that nobody has waited for: without having been started again
    [ "$(show ActiveState)" = active ] && { [ ! -e "$pending" ] || [ "$(show NRestarts)" = 0 ]; }
}

switch_to() { # VERSION: make it the one that runs; what ran before comes back if it does not get READY
    begin
    now=$(readlink "$prefix/current" || true)
    # First, so that at every moment there is a way back.
    if [ -n "$before" ] && [ "$before" != "$1" ]; then
        note_pending "$1"
        point previous "$before"
    fi
    point current "$1"
    ln -sfn "$prefix/current/bin/pose-edge" /usr/local/bin/pose-edge
    write_unit "$1"
    systemctl daemon-reload
    systemctl enable --quiet pose-edge.service
    see_what_was_edited
    if [ "$now" = "$1" ] && [ "$changed" = no ] && runs; then
        rm -f "$pending"
        say "nothing to do: this version is installed and runs"
        return
    fi
    start
    if wait_ready; then
        if [ -e "$pending" ] && [ "$before" = "$1" ]; then restore_previous; fi # the old one, instead of what was interrupted
        rm -f "$pending"
        say "pose-edge is ready: $(show StatusText)"
        return
    fi
    not_ready "$1"
}

not_ready() { # VERSION
    say "$(basename "$1") does not get ready: $why"
    last_words
    if [ -z "$before" ] || [ "$before" = "$1" ] || [ ! -e "$before/.complete" ]; then
        rm -f "$pending"
        fail "it stays installed; see: journalctl -u pose-edge"
    elif [ "$was" != active ]; then
        rm -f "$pending"
        fail "the version before was not running either, so the new one stays; back: $0 rollback"
    fi
    point current "$before"
    restore_previous
    back_to "$before"
    prune
    fail "back to $(basename "$before"), which is ready again"
}

back_to() { # VERSION
    point current "$1"
    rm -f "$pending"
    write_unit "$1"
    systemctl daemon-reload
    start
    ready_s=$((ready_s + 120)) # it did before: whatever this machine is busy with, let it
    wait_ready || fail "$(basename "$1") does not get ready either: $why"
}

rollback() {
    see_what_was_interrupted
    target=$(readlink "$prefix/previous") || fail "there is no version to go back to"
    before=$(readlink "$prefix/current")
    point previous "$before" # first: if the other does not get ready, the same word leads back here
    back_to "$target"
    say "back to $(basename "$target"); install.sh rollback again returns to $(basename "$before")"
}

uninstall() { # keep | remove: what it wrote and was told
    systemctl disable --quiet --now pose-edge.service 2>/dev/null || true
    if [ "$1" = remove ] && [ -x "$prefix/current/bin/pose-edge" ] && [ -e "$config" ]; then
        # Or Home Assistant keeps a device that is gone. The broker may be away; then so be it. The password and who it
        # is are where the service has them.
        CREDENTIALS_DIRECTORY=/etc/pose-edge STATE_DIRECTORY=$state timeout 20 "$prefix/current/bin/pose-edge" discovery clear --config "$config" >/dev/null 2>&1 ||
            say "note: the broker could not be told that the device is gone"
    fi
    rm -rf $unit $drop_ins /run/pose-edge "$prefix"
    rm -f /usr/local/bin/pose-edge
    systemctl daemon-reload
    systemctl reset-failed pose-edge.service 2>/dev/null || true
    if [ "$1" = keep ]; then
        say "removed; kept: /etc/pose-edge and $state (uninstall --purge removes them too)"
        return
    fi
    rm -rf /etc/pose-edge "$state"
    if id pose-edge >/dev/null 2>&1; then userdel pose-edge; fi
    if getent group pose-edge >/dev/null; then groupdel pose-edge; fi
    say "removed, with configuration, waiting alerts and models"
}
