"""What an agent changed, and its form on the record and in the hands of people: a tar."""

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass

from runner.errors import UsageError
from runner.image.states import Tree, file_mode

MAX_FILE_BYTES = 1_048_576
_FILES, _DELETED, _NOTES = "files/", "deleted", "notes.json"
# A stored change may hold everything a change may, and the tar's own blocks.
MAX_TAR_BYTES = 16 * 1_048_576
_MAX_MEMBERS = 5_000


@dataclass(frozen=True)
class Change:
    """The difference between a task's starting tree and the agent's.

    `outside` names what differs where the task allows no change; `refused` names what could
    not travel, with the reason. Neither reaches the judge's container.
    """

    files: Mapping[str, bytes]
    deleted: tuple[str, ...]
    outside: tuple[str, ...]
    refused: Mapping[str, str]

    def applied_to(self, tree: Tree) -> dict[str, bytes]:
        """The tree the judge looks at."""
        kept = {path: data for path, data in tree.items() if path not in self.deleted}
        return {**kept, **self.files}


NOTHING = Change({}, (), (), {})


def packed(change: Change) -> bytes:
    """The change as a tar: the same change gives the same bytes.

    `files/` holds what is new or changed, `deleted` one path a line, `notes.json` what was left
    behind (`outside`) or refused.
    """
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path, data in sorted(change.files.items()):
            _add(archive, f"{_FILES}{path}", data)
        _add(archive, _DELETED, "".join(f"{path}\n" for path in change.deleted).encode())
        notes = {"outside": list(change.outside), "refused": dict(change.refused)}
        _add(archive, _NOTES, json.dumps(notes, sort_keys=True).encode("ascii"))
    return buffer.getvalue()


def change_sha256(data: bytes) -> str:
    """The checksum (hex) by which a stored change is known."""
    return hashlib.sha256(data).hexdigest()


def unpacked(data: bytes) -> Change:
    """What a tar holds, before any task's rules (see `transfer.admitted`).

    Whatever is no regular file, or comes twice, is refused by name. Nothing is written.

    Raises:
        UsageError: the bytes are no such tar.
    """
    if len(data) > MAX_TAR_BYTES:
        raise UsageError(f"the change has {len(data)} bytes, the most is {MAX_TAR_BYTES}")
    files: dict[str, bytes] = {}
    refused: dict[str, str] = {}
    own: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
            for number, member in enumerate(archive):
                if number >= _MAX_MEMBERS:
                    raise UsageError(f"the change has more than {_MAX_MEMBERS} members")
                _take(archive, member, files, own, refused)
    except (tarfile.TarError, ValueError, OverflowError, EOFError) as error:
        raise UsageError(f"this is no packed change: {error}") from error
    outside, said = _notes(own.get(_NOTES, b"{}"))
    deleted = own.get(_DELETED, b"").decode("utf-8", "surrogateescape").split("\n")
    return Change(files, tuple(filter(None, deleted)), outside, {**said, **refused})


def _take(
    archive: tarfile.TarFile,
    member: tarfile.TarInfo,
    files: dict[str, bytes],
    own: dict[str, bytes],
    refused: dict[str, str],
) -> None:
    path = member.name.removeprefix(_FILES)
    if member.isdir():
        return
    if not member.isreg() or member.issparse():
        refused[path] = f"is a {_kind(member)}, not a regular file"
    elif member.size > MAX_FILE_BYTES:
        refused[path] = f"has {member.size} bytes, the most is {MAX_FILE_BYTES}"
    elif path in files or member.name in own:
        refused[path] = "comes more than once"
    else:
        handle = archive.extractfile(member)
        content = handle.read() if handle else b""
        if member.name.startswith(_FILES):
            files[path] = content
        elif member.name in (_DELETED, _NOTES):
            own[member.name] = content
        else:
            refused[member.name] = "is no part of a change"


def _kind(member: tarfile.TarInfo) -> str:
    if member.issym():
        return "symlink"
    if member.islnk():
        return "hard link"
    return "sparse file" if member.issparse() else "device or pipe"


def _notes(data: bytes) -> tuple[tuple[str, ...], dict[str, str]]:
    try:
        notes = json.loads(data)
        outside, refused = notes.get("outside", []), notes.get("refused", {})
        return tuple(map(str, outside)), {str(k): str(v) for k, v in refused.items()}
    except (ValueError, AttributeError, TypeError, RecursionError) as error:
        raise UsageError(f"this is no packed change: {_NOTES}: {error}") from error


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(data), file_mode(data)
    archive.addfile(entry, io.BytesIO(data))
