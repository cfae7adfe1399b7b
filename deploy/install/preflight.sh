# Can pose-edge run here, and with which lock file? Sourced by install.sh. Reads the system below $root only ('' is this
# one), so that tests can show it any machine. Nothing is changed; every problem is told, not only the first.
# shellcheck shell=sh disable=SC2034 # lock is install.sh's

: "${root:=}"
problems=0
lock=''
board=''

problem() { # WHAT WHAT-TO-DO
    problems=$((problems + 1))
    printf 'install: %s\n    %s\n' "$1" "$2" >&2
}
note() { printf 'install: note: %s\n' "$*" >&2; }

# What libmediapipe.so >= 1.0 is built for (pose_edge/landmarker/cpu_features.py), in the words of /proc/cpuinfo.
needed_on_arm64="atomics crc32 aes sha2 asimdrdm lrcpc fphp asimdhp asimddp"

lowest_memory_kb=800000 # a board of 1 GB says 900000 or more, one of 512 MB says 500000
lowest_disk_kb=1000000  # 450 MB are used, twice that while one version replaces another

check_system() {
    # The loader says what programs run here: a 32-bit Raspberry Pi OS has a 64-bit kernel too.
    if [ -e "$root/lib/ld-linux-aarch64.so.1" ]; then
        machine=aarch64
    elif [ -e "$root/lib64/ld-linux-x86-64.so.2" ]; then
        machine=x86_64
    else
        machine=other
        problem "this system is not 64-bit" \
            "MediaPipe exists for 64-bit ARM and x86 only: install Raspberry Pi OS (64-bit), on a Pi 3 or newer"
    fi
    release=$(os_release VERSION_CODENAME)
    name=$(os_release PRETTY_NAME)
    case $release in
    bookworm | trixie) ;;
    *) note "made for Debian and Raspberry Pi OS Bookworm or Trixie; this is ${name:-unknown}: going on" ;;
    esac
    board=$(tr -d '\0' 2>/dev/null <"$root/proc/device-tree/model") || board=''
}

os_release() { sed -n "s/^$1=\"\{0,1\}\([^\"]*\)\"\{0,1\}\$/\1/p" "$root/etc/os-release" 2>/dev/null | head -n 1; }

check_python() {
    python_version=$("$root/usr/bin/python3" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || python_version=none
    case $python_version in
    3.11 | 3.12 | 3.13) ;;
    none) problem "no Python in /usr/bin/python3" "apt install python3 python3-venv" ;;
    *) problem "Python $python_version in /usr/bin/python3; 3.11, 3.12 or 3.13 is needed" \
        "Raspberry Pi OS Bookworm has 3.11, Trixie 3.13" ;;
    esac
}

check_glibc() { # manylinux_2_28 is what the wheels of mediapipe, numpy and OpenCV ask for
    glibc=$("$root/usr/bin/getconf" GNU_LIBC_VERSION 2>/dev/null) || glibc=''
    glibc=${glibc#glibc }
    case $glibc in
    2.2[89] | 2.2[89].* | 2.[3-9][0-9] | 2.[3-9][0-9].* | 2.[1-9][0-9][0-9]*) ;;
    *) problem "the C library is ${glibc:-not glibc}; glibc 2.28 or newer is needed" "use Raspberry Pi OS Bookworm or Trixie" ;;
    esac
}

missing_features() {
    for feature in $needed_on_arm64; do
        # Every core has to have it.
        if grep '^Features' "$root/proc/cpuinfo" 2>/dev/null | grep -qvw "$feature"; then printf ' %s' "$feature"; fi
    done
}

choose_lock() {
    case $machine in
    x86_64) lock=laptop ;;
    aarch64) choose_lock_for_arm ;;
    esac
}

choose_lock_for_arm() {
    missing=$(missing_features)
    if [ -z "$missing" ]; then
        case $release-$python_version in
        bookworm-3.11) lock=pi5-bookworm ;;
        trixie-3.13) lock=pi5-trixie ;;
        *) lock=laptop ;; # the same versions, for any Python
        esac
    elif [ "$python_version" = 3.11 ]; then
        lock=pi4-bookworm
    else
        problem "no MediaPipe exists for this processor with Python $python_version (${board:-this board}, ${name:-this system})" \
            "MediaPipe 1.x needs ARMv8.2 (Pi 5); this processor lacks$missing. The last one for it, 0.10.18, has no build
    for Python $python_version: install Raspberry Pi OS 64-bit Bookworm (Python 3.11), or use a Pi 5"
    fi
}

check_memory() {
    memory_kb=$(sed -n 's/^MemTotal: *\([0-9]*\) kB$/\1/p' "$root/proc/meminfo" 2>/dev/null)
    [ "${memory_kb:-0}" -ge $lowest_memory_kb ] ||
        problem "$((${memory_kb:-0} / 1000)) MB of memory; at least 1 GB is needed" "use a board with 1 GB or more"
}

check_disk() {
    place=$root/opt
    [ -d "$place" ] || place=$root/
    free_kb=${POSE_EDGE_FREE_KB:-$(df -Pk "$place" | awk 'NR == 2 { print $4 }')}
    [ "$free_kb" -ge $lowest_disk_kb ] ||
        problem "$((free_kb / 1000)) MB free in /opt; $((lowest_disk_kb / 1000)) MB are needed" "make room, or use a larger card"
}

check_camera() {
    for device in "$root"/dev/video* "$root"/dev/media*; do
        if [ -e "$device" ]; then return; fi
    done
    note "no camera is there (no /dev/video* or /dev/media*); without one set source.kind in the configuration"
}

check_interrupted() { # what service.sh notes before it switches
    if { read -r to && read -r before; } 2>/dev/null <"$root/opt/pose-edge/pending"; then
        note "the upgrade to ${to##*/} was interrupted, or is under way. Run the installer again: ${to##*/} stays if it gets ready, else ${before##*/} comes back"
    fi
}

# Sets lock, board, machine, release, python_version; returns 1 when something is missing.
preflight() {
    check_system
    check_python
    check_glibc
    [ "$machine" = other ] || [ "$python_version" = none ] || choose_lock
    check_memory
    check_disk
    check_camera
    [ $problems = 0 ]
}
