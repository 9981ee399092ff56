#!/usr/bin/env bash
# Prepares this machine for the runner. Silent and quick when nothing is to be done.
#
#   scripts/setup.sh           the Python environment, then a Docker engine
#   scripts/setup.sh python    the Python environment only
#   scripts/setup.sh docker    a Docker engine only (after python)
#   scripts/setup.sh browser   Chromium and its driver, for the tests of the report
#
# Exit 3: a person has to do something; the exact commands were printed.
# PYTHON names the interpreter to use. SETUP_OS_RELEASE and SETUP_SOCKET stand in for
# /etc/os-release and the default Docker socket, for tests.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly OS_RELEASE=${SETUP_OS_RELEASE:-/etc/os-release}
readonly STAMP=.venv/.installed
readonly HALF=.venv/.installing
readonly LOG=.cache/setup.log

say() { printf 'setup: %s\n' "$*"; }

# stop MESSAGE COMMAND... - what is missing and what to type; a command is one argument.
stop() {
    printf 'setup: %s\n' "$1" >&2
    shift
    if (($#)); then
        printf 'Run this, then try again:\n' >&2
        if is_root; then set -- "${@#sudo }"; fi
        printf '    %s\n' "$@" >&2
    fi
    exit 3
}

is_root() { [ "$(id -u)" = 0 ]; }

# os_id - the distribution's own name, then those it is like.
os_id() {
    [ -r "$OS_RELEASE" ] || return 0
    # shellcheck disable=SC1090
    (ID= ID_LIKE= && . "$OS_RELEASE" && printf '%s %s' "$ID" "$ID_LIKE")
}

can_install() {
    is_root && command -v apt-get >/dev/null || return 1
    case "$(os_id)" in debian\ * | ubuntu\ *) ;; *) return 1 ;; esac
}

like_debian() {
    case " $(os_id) " in *\ debian\ * | *\ ubuntu\ *) ;; *) return 1 ;; esac
}

# logged COMMAND... - its output goes to the log, and to the screen only when it fails.
logged() {
    mkdir -p .cache
    "$@" >"$LOG" 2>&1 </dev/null || {
        tail -n 15 "$LOG" >&2
        return 1
    }
}

apt_get() { logged env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o Dpkg::Use-Pty=0 "$@"; }

# apt_install PACKAGE... - package lists are fetched only when they are missing or stale.
apt_install() {
    say "installing $* (apt-get)"
    if apt-cache show "$@" >/dev/null 2>&1 &&
        apt_get install --no-install-recommends "$@" 2>/dev/null; then
        return
    fi
    apt_get update && apt_get install --no-install-recommends "$@" ||
        stop "apt-get could not install $*; its last words are above, the rest in $LOG"
}

# ---- Python ----------------------------------------------------------------------------

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

find_python() {
    local name
    for name in ${PYTHON:+"$PYTHON"} python3 python3.11 python3.12 python3.13 python3.14; do
        if command -v "$name" >/dev/null && new_enough "$name"; then
            command -v "$name"
            return
        fi
    done
    if like_debian; then
        stop "Python 3.11 or newer is needed and was not found" \
            "sudo apt-get install python3.11 python3.11-venv"
    fi
    stop "Python 3.11 or newer is needed and was not found; PYTHON=/path/to/python names one"
}

has_venv() { "$1" -c 'import ensurepip, venv' 2>/dev/null; }

# venv_package PYTHON - Debian's package that completes this interpreter.
venv_package() {
    case "$1" in
        */python3) echo python3-venv ;;
        *) echo "${1##*/}-venv" ;;
    esac
}

make_venv() {
    local python
    python=$(find_python)
    if ! has_venv "$python"; then
        like_debian || stop "$python lacks the venv and ensurepip modules; install them"
        can_install || stop "$python lacks the venv module" \
            "sudo apt-get install $(venv_package "$python")"
        apt_install "$(venv_package "$python")"
    fi
    say "making .venv with $("$python" --version) ($python)"
    "$python" -m venv --clear .venv
}

# fingerprint - of all that decides what is in .venv; its scripts hold this folder's path.
fingerprint() {
    pwd
    cksum requirements.lock pyproject.toml
}

pip() { logged .venv/bin/python -m pip --disable-pip-version-check --no-input "$@"; }

install_locked() {
    say "installing what requirements.lock names into .venv (600 MB; about a minute)"
    touch "$HALF"
    pip install --require-hashes --only-binary :all: --requirement requirements.lock &&
        pip install --no-deps --no-build-isolation --editable . ||
        stop "pip could not install the packages; its last words are above, the rest in $LOG"
    fingerprint >"$STAMP"
    rm "$HALF"
}

# alone - holds a lock to the end of this script, so that two set-ups do not mix.
alone() {
    command -v flock >/dev/null || return 0
    mkdir -p .cache
    exec 9>.cache/setup.lock
    flock 9
}

python_is_ready() {
    [ -x .venv/bin/python ] && [ -x .venv/bin/runner ] &&
        [ "$(cat "$STAMP" 2>/dev/null)" = "$(fingerprint)" ]
}

# usable - whether .venv can be built upon: made here, not moved, not left half installed.
usable() {
    [ -x .venv/bin/python ] && [ ! -e "$HALF" ] && grep -qF "$PWD/.venv" .venv/bin/activate &&
        new_enough .venv/bin/python && .venv/bin/python -m pip --version >/dev/null 2>&1
}

setup_python() {
    python_is_ready && return
    alone
    python_is_ready && return
    usable || make_venv
    install_locked
}

# shellcheck source=scripts/setup_docker.sh
. scripts/setup_docker.sh

setup_browser() {
    command -v chromedriver >/dev/null && command -v chromium >/dev/null && return
    can_install || stop "Chromium and its driver are needed for the tests of the report" \
        "sudo apt-get install --no-install-recommends chromium chromium-driver fonts-dejavu-core"
    apt_install chromium chromium-driver fonts-dejavu-core
}

case "${1:-all}" in
    python) setup_python ;;
    docker) setup_docker ;;
    browser) setup_browser ;;
    all)
        setup_python
        setup_docker
        ;;
    *)
        printf 'usage: scripts/setup.sh [python|docker|browser]\n' >&2
        exit 2
        ;;
esac
