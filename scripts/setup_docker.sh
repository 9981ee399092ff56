# The Docker half of scripts/setup.sh, which reads it; not a program of its own.
# shellcheck shell=bash

readonly SOCKET=${SETUP_SOCKET:-/var/run/docker.sock}
readonly ENGINE_DEADLINE_S=60

# engine - one line about the engine; the codes are those of scripts/engine.py.
engine() {
    local said code=0
    said=$(.venv/bin/python -I -S scripts/engine.py "$SOCKET") || code=$?
    if [ "$code" = 5 ]; then
        code=0
        said=$(.venv/bin/python -I scripts/engine.py "$SOCKET") || code=$?
    fi
    printf '%s\n' "$said"
    return "$code"
}

# docker_commands - one line each: how a person gets a running engine on this system.
docker_commands() {
    if [ "$(uname -s)" = Darwin ]; then
        [ -d /Applications/Docker.app ] || echo "brew install --cask docker"
        echo "open -a Docker"
        return
    fi
    if ! command -v dockerd >/dev/null; then
        case " $(os_id) " in
            *\ debian\ * | *\ ubuntu\ *)
                echo "sudo apt-get update"
                echo "sudo apt-get install -y --no-install-recommends docker.io"
                ;;
            *\ fedora\ *) echo "sudo dnf install -y moby-engine" ;;
            *\ arch\ *) echo "sudo pacman -S --noconfirm docker" ;;
            *\ suse\ * | *\ opensuse\ *) echo "sudo zypper install -y docker" ;;
            *\ alpine\ *) echo "doas apk add docker" ;;
            *) echo "# install Docker Engine 20.10 or newer: https://docs.docker.com/engine/install/" ;;
        esac
    fi
    case " $(os_id) " in
        *\ alpine\ *) echo "doas rc-service docker start" ;;
        *) echo "sudo systemctl enable --now docker" ;;
    esac
    is_root || echo "sudo usermod -aG docker \"\$USER\" && newgrp docker"
}

# await_engine [PID] - polls until the engine answers; soon gives up on one that has died.
await_engine() {
    local end=$((SECONDS + ENGINE_DEADLINE_S)) pid=${1:-}
    while ((SECONDS < end)); do
        if engine >/dev/null; then return 0; fi
        if [ -n "$pid" ] && ! kill -0 "$pid" 2>/dev/null; then
            pid=
            end=$((SECONDS + 3)) # the package may have started one itself, which is in its way
        fi
        sleep 0.2
    done
    return 1
}

install_docker() {
    local packages=(docker.io)
    if [ -d /sys/kernel/security/apparmor ]; then packages+=(apparmor); fi
    if [ -z "$(ls /sys/fs/cgroup 2>/dev/null)" ]; then packages+=(cgroupfs-mount); fi
    apt_install "${packages[@]}"
}

start_docker() {
    if [ -d /run/systemd/system ]; then
        say "starting the Docker engine (systemctl enable --now docker)"
        logged systemctl enable --now docker || return 1
        await_engine
        return
    fi
    say "starting the Docker engine in the background (dockerd; log: .cache/dockerd.log)"
    mkdir -p .cache
    setsid dockerd >.cache/dockerd.log 2>&1 </dev/null 3>&- 4>&- 9>&- &
    await_engine $! && return
    tail -n 15 .cache/dockerd.log >&2
    return 1
}

setup_docker() {
    local said code=0
    said=$(engine) || code=$?
    case "$code" in
        0) return ;;
        2) stop "$said; see https://docs.docker.com/engine/install/" ;;
        4) stop "$said" 'sudo usermod -aG docker "$USER" && newgrp docker' ;;
    esac
    if [ -n "${DOCKER_HOST:-}" ]; then
        stop "$said; DOCKER_HOST names it: start that engine, or unset DOCKER_HOST"
    fi
    if ! can_install; then
        local commands=()
        while IFS= read -r line; do commands+=("$line"); done < <(docker_commands)
        stop "$said" "${commands[@]}"
    fi
    alone
    if engine >/dev/null; then return; fi
    say "$said"
    command -v dockerd >/dev/null || install_docker
    start_docker || stop "the Docker engine did not start; its last words are above"
    say "$(engine)"
}
