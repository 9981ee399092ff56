"""Runs inside a container and tries each system call that a way out would need.

    python3 -I -B probes_calls.py

Every call is made once, in a process of its own and with arguments that can do nothing. The
answer, one JSON object on stdout, names for each call what the kernel said of it: an empty list
when it refused. The standard library only.
"""

import ctypes
import errno
import json
import os
import platform
import socket
import stat
import sys
from collections.abc import Callable
from pathlib import Path

# Number of a system call on amd64 and arm64.
CALLS = {
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "move_mount": (429, 429),
    "open_tree": (428, 428),
    "mount_setattr": (442, 442),
    "unshare": (272, 97),
    "setns": (308, 268),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "pidfd_getfd": (438, 438),
    "kcmp": (312, 272),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "reboot": (169, 142),
    "settimeofday": (164, 170),
    "clock_adjtime": (305, 266),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "acct": (163, 89),
    "quotactl": (179, 60),
    "syslog": (103, 116),
    "seccomp": (317, 277),
    "memfd_secret": (447, 447),
}
# Asked for by name, so that each kind of refusal can be told from the others.
CLONE = (56, 220)
CLONE3 = (435, 435)
MKNODAT = (259, 33)
_NEW_USER = 0x10000000
_AT_FDCWD = -100
_SOCKETS = {
    "netlink": (16, socket.SOCK_RAW, 0),
    "packet": (17, socket.SOCK_RAW, 0),
    "kernel-crypto": (38, socket.SOCK_SEQPACKET, 0),
    "vsock": (40, socket.SOCK_STREAM, 0),
    "raw": (int(socket.AF_INET), socket.SOCK_RAW, socket.IPPROTO_ICMP),
}
_REFUSED = frozenset({errno.EPERM, errno.EACCES, errno.ENOSYS})
_NO_SUCH_FAMILY = frozenset({errno.EAFNOSUPPORT, errno.ESOCKTNOSUPPORT, errno.EPROTONOSUPPORT})
_DONE = 0


def names() -> tuple[str, ...]:
    """Every probe this program makes."""
    sockets = (f"socket {name}" for name in _SOCKETS)
    return (*(f"call {name}" for name in (*CALLS, *_MORE)), *sockets)


def tried() -> dict[str, list[str]]:
    """Each probe's name and the ways that stand open: none when it holds."""
    column = 0 if platform.machine() in ("x86_64", "AMD64") else 1
    found = {
        f"call {name}": _open(_apart(_call(numbers[column])), _REFUSED)
        for name, numbers in CALLS.items()
    }
    found["call clone of a namespace"] = _open(
        _apart(_call(CLONE[column], _NEW_USER | 17, 0)), _REFUSED
    )
    # Only ENOSYS: a C library that is told EPERM gives up where it could fall back to clone.
    found["call clone3"] = _open(_apart(_call(CLONE3[column])), frozenset({errno.ENOSYS}))
    found["call mknodat of a device"] = _open(_apart(lambda: _device(column)), _REFUSED)
    for name, wanted in _SOCKETS.items():
        found[f"socket {name}"] = _open(_socket(*wanted), _REFUSED | _NO_SUCH_FAMILY)
    return found


_MORE = ("clone of a namespace", "clone3", "mknodat of a device")


def _open(code: int, refused: frozenset[int]) -> list[str]:
    if code in refused:
        return []
    return ["it was done" if code == _DONE else f"it was let through: {errno.errorcode.get(code)}"]


def _apart(doing: Callable[[], int]) -> int:
    """What `doing` gives, an error number, in a child: what it changes ends with that child."""
    child = os.fork()
    if child == 0:
        os._exit(min(doing(), 255))
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _call(number: int, first: int = -1, rest: int = -1) -> Callable[[], int]:
    """With -1 throughout no call can do anything, not even for root: no address, flag or file."""
    library = ctypes.CDLL(None, use_errno=True)
    values = [ctypes.c_long(each) for each in (number, first, *[rest] * 5)]

    def make() -> int:
        done = library.syscall(*values)
        return ctypes.get_errno() if done < 0 else _DONE

    return make


def _device(column: int) -> int:
    """A second /dev/null, which is what everybody has already, removed at once."""
    library = ctypes.CDLL(None, use_errno=True)
    path = f"/tmp/null-{os.getpid()}".encode()
    mode, number = stat.S_IFCHR | 0o600, os.makedev(1, 3)
    done = library.syscall(ctypes.c_long(MKNODAT[column]), _AT_FDCWD, path, mode, number)
    if done < 0:
        return ctypes.get_errno()
    Path(os.fsdecode(path)).unlink()
    return _DONE


def _socket(family: int, kind: int, protocol: int) -> int:
    try:
        socket.socket(family, kind, protocol).close()
    except OSError as refusal:
        return refusal.errno or errno.EIO
    return _DONE


if __name__ == "__main__":
    sys.stdout.write(json.dumps(tried()))
