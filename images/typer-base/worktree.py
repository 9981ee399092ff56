"""Reads and writes regular files below one folder, and nothing else.

Every step of a path is opened relative to the folder before it and never through a symbolic
link, so that no name can lead out of the root, whatever the commands before it left there.
"""

import errno
import hashlib
import json
import os
import stat
from collections.abc import Iterator

AGENT_ROOT = "/work/repo"
WRITE_CAP = 16 * 1024 * 1024
_DEPTH_CAP = 64
_PATH_CAP = 4096
_CHUNK = 256 * 1024
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# O_NONBLOCK: opening a FIFO must not wait for its other end.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class Refused(Exception):
    """A request that is answered with an error: `kind` for programs, the text for people."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def read(root: str, path: str, cap: int) -> bytes:
    """The bytes of the regular file `path`, at most `cap`; `Refused` when it holds more."""
    *folders, name = _steps(root, path) or [""]
    if not name:
        raise Refused("not_regular", "this is a directory, not a file")
    folder = _descend(root, folders)
    try:
        fd = _open_regular(folder, name, path)
    finally:
        os.close(folder)
    try:
        size = os.fstat(fd).st_size
        if size > cap:
            raise Refused("too_large", f"{path} has {size} bytes, more than {cap}")
        data = b"".join(_chunks(fd, cap + 1))
    finally:
        os.close(fd)
    if len(data) > cap:
        raise Refused("too_large", f"{path} has more than {cap} bytes")
    return data


def write(root: str, path: str, data: bytes) -> None:
    """Create or replace the regular file `path` as one step, with its parent folders."""
    if len(data) > WRITE_CAP:
        raise Refused("too_large", f"{len(data)} bytes are more than the {WRITE_CAP} allowed")
    *folders, name = _steps(root, path) or [""]
    if not name:
        raise Refused("not_regular", "this is a directory, not a file")
    folder = _descend(root, folders, make=True)
    try:
        _replace(folder, name, path, data)
    finally:
        os.close(folder)


def listing(root: str, path: str, cap: int) -> list[str]:
    """Sorted names in the folder `path`, sub-folders with a trailing slash, at most `cap`."""
    folder = _descend(root, _steps(root, path))
    try:
        with os.scandir(folder) as entries:
            names = [
                entry.name + ("/" if entry.is_dir(follow_symlinks=False) else "")
                for entry in entries
            ]
    finally:
        os.close(folder)
    return sorted(names)[:cap]


def tree(root: str, cap_count: int, cap_bytes: int) -> bytes:
    """Everything below the root but `.git`, one JSON array a line, sorted by path.

    A line is [path, kind, mode, size, links, sha256]: kind is file, symlink or other, folders
    are not listed, sha256 is null for what is not a readable regular file. `Refused` when
    there are more than `cap_count` entries, more than `cap_bytes` in files (holes count), or
    folders nested too deep.
    """
    rows: list[tuple[str, str, int, int, int, str | None]] = []
    left = cap_bytes
    count = 0
    folder = _descend(root, [])
    try:
        for where, prefix, name, info in _walk(folder, "", 0):
            count += 1
            if count > cap_count:
                raise Refused("too_large", f"the tree holds more than {cap_count} entries")
            path = prefix + name
            kind, digest = "other", None
            if stat.S_ISLNK(info.st_mode):
                kind = "symlink"
            elif stat.S_ISREG(info.st_mode):
                left -= info.st_size
                if left < 0:
                    raise Refused("too_large", f"the tree's files exceed {cap_bytes} bytes")
                kind, digest = "file", _digest(where, name, info.st_size)
            elif stat.S_ISDIR(info.st_mode):
                continue
            mode = stat.S_IMODE(info.st_mode)
            rows.append((path, kind, mode, info.st_size, info.st_nlink, digest))
    finally:
        os.close(folder)
    return "\n".join(json.dumps(row) for row in sorted(rows)).encode("ascii")


def _steps(root: str, path: str) -> list[str]:
    """The names from the root to `path`; `Refused` for what is no path below the root."""
    if "\0" in path:
        raise Refused("bad_path", "a path cannot hold a NUL character")
    if len(path) > _PATH_CAP:
        raise Refused("bad_path", f"a path cannot be longer than {_PATH_CAP} characters")
    if path.startswith("/"):
        for base in (root, AGENT_ROOT):
            if path == base or path.startswith(base + "/"):
                path = path[len(base) :]
                break
        else:
            raise Refused("outside", f"{path} is outside the repository ({AGENT_ROOT})")
    names = [name for name in path.split("/") if name not in ("", ".")]
    if ".." in names:
        raise Refused("outside", f"{path} contains '..'; give the path from the repository's root")
    if len(names) > _DEPTH_CAP:
        raise Refused("bad_path", f"a path cannot be deeper than {_DEPTH_CAP} folders")
    return names


def _descend(root: str, names: list[str], make: bool = False) -> int:
    """An open descriptor of the folder; the caller closes it."""
    fd = os.open(root, _FOLDER)
    for depth, name in enumerate(names):
        try:
            if make:
                _make_folder(fd, name)
            inner = os.open(name, _FOLDER, dir_fd=fd)
        except OSError as problem:
            raise _explained(problem, fd, name, "/".join(names[: depth + 1])) from None
        finally:
            os.close(fd)
        fd = inner
    return fd


def _make_folder(fd: int, name: str) -> None:
    try:
        os.mkdir(name, dir_fd=fd)
    except FileExistsError:
        return


def _explained(problem: OSError, folder: int, name: str, path: str) -> Exception:
    """What to tell the caller when `name` could not be opened in `folder`."""
    if problem.errno == errno.ENOENT:
        return Refused("missing", f"{path} does not exist")
    if problem.errno in (errno.ENOTDIR, errno.ELOOP):
        mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
        if stat.S_ISLNK(mode):
            return Refused("link", f"{path} is a symbolic link; links are not followed")
        return Refused("not_directory", f"{path} is not a directory")
    if problem.errno == errno.ENXIO:  # a socket
        return Refused("not_regular", f"{path} is not a regular file")
    return problem


def _open_regular(folder: int, name: str, path: str) -> int:
    try:
        # Looked at before it is opened: opening a device can have effects.
        mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISLNK(mode):
            what = "a directory" if stat.S_ISDIR(mode) else "not a regular file"
            raise Refused("not_regular", f"{path} is {what}")
        fd = os.open(name, _FILE, dir_fd=folder)
    except OSError as problem:
        raise _explained(problem, folder, name, path) from None
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise Refused("not_regular", f"{path} is not a regular file")
    return fd


def _replace(folder: int, name: str, path: str, data: bytes) -> None:
    mode = None
    try:
        os.close(_open_regular(folder, name, path))
        mode = stat.S_IMODE(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
    except Refused as refused:
        if refused.kind != "missing":
            raise
    except PermissionError:  # its owner may replace what cannot be read
        mode = stat.S_IMODE(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
    draft = f".{os.getpid()}.toolserver"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(draft, flags, 0o666, dir_fd=folder)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(data)
            if mode is not None:
                os.fchmod(file.fileno(), mode)
        os.rename(draft, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        os.unlink(draft, dir_fd=folder)
        raise


def _chunks(fd: int, most: int) -> Iterator[bytes]:
    while most > 0 and (data := os.read(fd, min(most, _CHUNK))):
        most -= len(data)
        yield data


def _walk(folder: int, prefix: str, depth: int) -> Iterator[tuple[int, str, str, os.stat_result]]:
    """Every entry below `folder`: the descriptor of its folder, path before it, name, stat."""
    if depth > _DEPTH_CAP:
        raise Refused("too_large", f"folders are nested deeper than {_DEPTH_CAP}")
    with os.scandir(folder) as entries:
        for entry in entries:
            if not prefix and entry.name == ".git":
                continue
            info = os.stat(entry.name, dir_fd=folder, follow_symlinks=False)
            yield folder, prefix, entry.name, info
            if stat.S_ISDIR(info.st_mode):
                inner = os.open(entry.name, _FOLDER, dir_fd=folder)
                try:
                    yield from _walk(inner, f"{prefix}{entry.name}/", depth + 1)
                finally:
                    os.close(inner)


def _digest(folder: int, name: str, size: int) -> str | None:
    try:
        fd = os.open(name, _FILE, dir_fd=folder)
    except PermissionError:
        return None
    try:
        sha = hashlib.sha256()
        for data in _chunks(fd, size):
            sha.update(data)
        return sha.hexdigest()
    finally:
        os.close(fd)
