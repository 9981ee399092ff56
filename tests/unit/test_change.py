"""A change as a tar: the same bytes each time, and nothing taken on trust when it comes back."""

import io
import tarfile
from collections.abc import Callable

import pytest

from runner.errors import UsageError
from runner.judge import change as module
from runner.judge.change import Change, change_sha256, packed, unpacked

CHANGE = Change(
    {"typer/b.py": b"b", "typer/é.py": b"#!x"},
    ("typer/x.py",),
    ("notes.txt", "odd\n\udcff"),
    {"typer/link": "is a symlink"},
)


def test_a_packed_change_comes_back_as_it_was() -> None:
    assert unpacked(packed(CHANGE)) == CHANGE


def test_the_same_change_packs_to_the_same_bytes() -> None:
    files = dict(reversed(CHANGE.files.items()))
    other = Change(files, CHANGE.deleted, CHANGE.outside, CHANGE.refused)
    assert packed(CHANGE) == packed(other)
    with tarfile.open(fileobj=io.BytesIO(packed(CHANGE))) as archive:
        assert archive.getnames() == [
            "files/typer/b.py",
            "files/typer/é.py",
            "deleted",
            "notes.json",
        ]


def test_another_change_has_another_checksum() -> None:
    sums = {
        change_sha256(packed(Change(files, deleted, outside, {})))
        for files in ({}, {"a": b""}, {"a": b"1"}, {"b": b"1"})
        for deleted in ((), ("c",))
        for outside in ((), ("d",))
    }
    assert len(sums) == 16


def tar_of(*members: tarfile.TarInfo | tuple[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                archive.addfile(member)
            else:
                info = tarfile.TarInfo(member[0])
                info.size = len(member[1])
                archive.addfile(info, io.BytesIO(member[1]))
    return buffer.getvalue()


def special(kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo("files/typer/odd")
    info.type, info.linkname = kind, target
    return info


ODD: dict[str, Callable[[], bytes]] = {
    "symlink": lambda: tar_of(special(tarfile.SYMTYPE, "/etc/passwd")),
    "hard link": lambda: tar_of(special(tarfile.LNKTYPE, "files/typer/a.py")),
    "pipe": lambda: tar_of(special(tarfile.FIFOTYPE)),
    "character device": lambda: tar_of(special(tarfile.CHRTYPE)),
    "block device": lambda: tar_of(special(tarfile.BLKTYPE)),
    "too large": lambda: tar_of(("files/typer/odd", b"x" * (module.MAX_FILE_BYTES + 1))),
}


@pytest.mark.parametrize("name", ODD)
def test_what_is_no_plain_file_is_refused_by_name(name: str) -> None:
    change = unpacked(ODD[name]())
    assert list(change.refused) == ["typer/odd"]
    assert change.files == {}


def test_a_name_that_comes_twice_is_refused() -> None:
    change = unpacked(
        tar_of(("files/a", b"1"), ("files/a", b"2"), ("deleted", b""), ("deleted", b"x"))
    )
    assert set(change.refused) == {"a", "deleted"}


def test_what_belongs_to_no_change_is_refused() -> None:
    change = unpacked(tar_of(("verdict.json", b"{}"), ("typer/a.py", b"")))
    assert set(change.refused) == {"verdict.json", "typer/a.py"}


def test_folders_may_be_in_it_as_tar_packs_them_by_hand() -> None:
    folder = tarfile.TarInfo("files/typer")
    folder.type = tarfile.DIRTYPE
    assert unpacked(tar_of(folder, ("files/typer/a.py", b"x"))).files == {"typer/a.py": b"x"}


NO_TARS = {
    "empty": b"",
    "text": b"no tar at all" * 100,
    "cut": packed(CHANGE)[:700],
    "notes that are none": tar_of(("notes.json", b"[1]")),
    "notes that are no JSON": tar_of(("notes.json", b"{")),
    "notes nested without end": tar_of(("notes.json", b"[" * 100_000)),
    "too large": b"\0" * (module.MAX_TAR_BYTES + 1),
    "too many members": tar_of(*((f"files/{n}", b"") for n in range(5_001))),
}


@pytest.mark.parametrize("name", NO_TARS)
def test_what_is_no_packed_change_is_refused_with_the_reason(name: str) -> None:
    with pytest.raises(UsageError, match="change"):
        unpacked(NO_TARS[name])
