# What is the user's and what is the service's: configuration, password, models. Sourced by install.sh. Nothing of a user's
# is overwritten without a copy, and in the service's folder root does nothing that the service could not.
# shellcheck shell=sh disable=SC2154 # prefix, state, config, source, version, bundle, wanted_config are install.sh's

service_user=pose-edge

write_config() {
    mkdir -p "${config%/*}"
    # LoadCredential= wants a file. Empty is no password.
    password=${config%/*}/mqtt-password
    if [ ! -e "$password" ]; then (umask 077 && : >"$password"); fi
    chmod 600 "$password"
    if [ -n "$wanted_config" ]; then
        "$version/bin/pose-edge" config check --service "$wanted_config" >/dev/null || fail "$wanted_config was not taken over (see above)"
        take_config
    elif [ ! -e "$config" ]; then
        replace "$config" 644 <"$source/config/fall.yaml"
        say "wrote $config: name the broker there (mqtt.host), then run this again"
    fi
    "$version/bin/pose-edge" config check --service "$config" >/dev/null || fail "$config has mistakes (see above); nothing was switched"
}

take_config() { # instead of the one that is there, which is kept
    if [ ! -e "$config" ]; then
        replace "$config" 644 <"$wanted_config"
    elif ! cmp -s "$wanted_config" "$config"; then
        keep "$config"
        owner=$(stat -Lc %u:%g "$config")
        replace "$config" "$(stat -Lc %a "$config")" <"$wanted_config"
        chown "$owner" "$config"
    fi
}

keep() { # FILE: a copy beside it, of the same owner and mode
    kept=$1.before-$(date +%Y%m%dT%H%M%S)
    while [ -e "$kept" ]; do kept=$kept+; done # a clock that was set back must not cost the older copy
    if ! { cp -p "$1" "$kept" && sync "$kept"; }; then
        rm -f "$kept"
        fail "$1 could not be kept as $kept, and is as it was: is the disk full?"
    fi
    say "the configuration that was there is kept as $kept"
}

# The kernel decides then: what the service left there (a link to a file of root's) leads root nowhere.
as_service() { HOME=$state setpriv --reuid="$service_user" --regid="$(id -g "$service_user")" --clear-groups "$@"; }

put_model() { # FILE: into the service's folder, whole or not at all; a link of that name is replaced, not followed
    # shellcheck disable=SC2016 # for that shell
    as_service sh -c '
        rm -f "$1"/.new.* # of a cut
        new=$(mktemp "$1/.new.XXXXXX") || exit 1
        if cat >"$new" && chmod 644 "$new" && sync "$new" && mv -fT "$new" "$1/$2"; then exit 0; fi
        rm -f "$new"
        exit 1' sh "$models" "${1##*/}" <"$1" || fail "$models/${1##*/} could not be written: is the disk full?"
}

has_model() { STATE_DIRECTORY=$state as_service "$version/bin/pose-edge" models verify >/dev/null 2>&1; }

fetch_model() {
    models=$state/models
    mkdir -p "$state"
    chmod 700 "$state"
    chown -hR "$service_user:" "$state"
    [ ! -L "$models" ] || fail "$models is a symbolic link, which is not followed: put a folder there"
    as_service mkdir -p "$models"
    if [ -n "$bundle" ]; then
        for file in "$bundle"/models/*.task; do
            if [ -e "$file" ] && ! cmp -s "$file" "$models/${file##*/}"; then put_model "$file"; fi
        done
    fi
    if has_model; then return; fi
    if [ -n "$bundle" ]; then
        say "note: the bundle has no model; put one into $models or name it in $config (model.path)"
        return
    fi
    # By root, whose proxy and package index it may need, into a folder of root's; what a cut left there is gone on with.
    "$version/bin/pose-edge" models fetch --any --dir "$prefix/fetched" >/dev/null || fail "no model could be fetched (see above)"
    for file in "$prefix"/fetched/*.task; do put_model "$file"; done
    rm -rf "$prefix/fetched"
}
