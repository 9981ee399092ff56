"""What a sandbox may use, and the container settings that hold it to that."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

AGENT = "10001:10001"  # runs commands
KEEPER = "10002:10002"  # holds the container open; the agent cannot signal it
JUDGE = "10003:10003"  # owns the tree in the judge's container and all that is evidence
_MIB = 1024 * 1024
_PAGE = 4096  # a size of 0 would mean none


@dataclass(frozen=True)
class Limits:
    """Caps of one container; sizes in bytes. Enough for typer's suite with two workers.

    What lies in the two temporary file systems counts as memory too, so that they take no more
    than three quarters of it: see `work_size` and `tmp_size`. `runtime` is the engine's name of
    what runs the container, such as `runsc`; None leaves it to the engine. `user` owns the work
    tree.
    """

    cpus: float = 2.0
    memory_bytes: int = 4096 * _MIB
    pids: int = 256
    work_bytes: int = 512 * _MIB
    work_inodes: int = 65_536
    tmp_bytes: int = 256 * _MIB
    tmp_inodes: int = 16_384
    open_files: int = 4096
    file_bytes: int = 256 * _MIB
    runtime: str | None = None
    user: str = AGENT

    # Memory that files take outlives every kill: full to the cap, nothing could be started.
    @property
    def work_size(self) -> int:
        """What `/work` holds, in bytes: at most half of the memory."""
        return max(_PAGE, min(self.work_bytes, self.memory_bytes // 2))

    @property
    def tmp_size(self) -> int:
        """What `/tmp` holds, in bytes: at most a quarter of the memory."""
        return max(_PAGE, min(self.tmp_bytes, self.memory_bytes // 4))


def container_settings(labels: Mapping[str, str]) -> dict[str, object]:
    """docker's settings that are no host settings: who runs what."""
    return {
        "user": KEEPER,
        "entrypoint": ["/usr/bin/sleep"],
        "command": ["infinity"],
        # A fixed folder of the image: a working folder of the agent's could be a trap.
        "working_dir": "/",
        "hostname": "sandbox",
        "labels": dict(labels),
        "stop_signal": "SIGKILL",
        "healthcheck": {"test": ["NONE"]},
    }


def host_settings(limits: Limits) -> dict[str, object]:
    """docker's host settings: nothing that is not needed, and caps on the rest."""
    uid, _, gid = limits.user.partition(":")
    work = f"rw,exec,nosuid,nodev,mode=0755,uid={uid},gid={gid}"
    tmp = "rw,noexec,nosuid,nodev,mode=1777"
    runtime = {} if limits.runtime is None else {"runtime": limits.runtime}
    return {
        **runtime,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true", f"seccomp={_seccomp()}"],
        "privileged": False,
        "network_mode": "none",
        "ipc_mode": "none",
        "read_only": True,
        "tmpfs": {
            "/work": f"{work},size={limits.work_size},nr_inodes={limits.work_inodes}",
            "/tmp": f"{tmp},size={limits.tmp_size},nr_inodes={limits.tmp_inodes}",
        },
        "mem_limit": limits.memory_bytes,
        "memswap_limit": limits.memory_bytes,
        "nano_cpus": int(limits.cpus * 1_000_000_000),
        "pids_limit": limits.pids,
        "ulimits": [
            {"Name": "nofile", "Soft": limits.open_files, "Hard": limits.open_files},
            {"Name": "core", "Soft": 0, "Hard": 0},
            {"Name": "fsize", "Soft": limits.file_bytes, "Hard": limits.file_bytes},
        ],
        "log_config": {"Type": "none", "Config": {}},
        "init": True,
        "restart_policy": {"Name": "no"},
    }


def _seccomp() -> str:
    return files("runner.sandbox").joinpath("seccomp.json").read_text("utf-8")
