"""What every sandbox does with files: the second half of `sandbox_conformance.py`."""

import hashlib
import os
import time

import pytest
from sandbox_conformance import KIB, sh

from runner.errors import ToolError
from runner.sandbox.served import ServedSandbox


class FilesConformance:
    """`read`, `write`, `listing`: regular files below the root, and nothing else."""

    @pytest.mark.parametrize(
        "path",
        ["/etc/passwd", "/", "/work", "/work/repository/x", "../home/x", "a/../../x", "..", "a\0b"],
    )
    def test_paths_out_of_the_repository_are_refused(
        self, sandbox: ServedSandbox, path: str
    ) -> None:
        with pytest.raises(ToolError):
            sandbox.read(path)
        with pytest.raises(ToolError):
            sandbox.write(path, b"x")
        with pytest.raises(ToolError):
            sandbox.listing(path)

    def test_a_path_longer_or_deeper_than_any_is_refused(self, sandbox: ServedSandbox) -> None:
        for path in ("x" * 300, "x" * 5000, "d/" * 300 + "x"):
            with pytest.raises(ToolError):
                sandbox.write(path, b"x")

    def test_links_are_never_followed(self, sandbox: ServedSandbox) -> None:
        sh(sandbox, "echo secret > ../home/s; ln -s ../home/s file; ln -s ../home dir; ln -s . me")
        for path in ("file", "dir/s", "me/file", "dir/new"):
            with pytest.raises(ToolError, match="link"):
                sandbox.read(path)
            with pytest.raises(ToolError, match="link"):
                sandbox.write(path, b"x")
        with pytest.raises(ToolError, match="link"):
            sandbox.listing("dir")
        assert sh(sandbox, "cat ../home/s; ls ../home").output == b"secret\ns\n"

    def test_a_repository_replaced_by_a_link_is_not_followed(self, sandbox: ServedSandbox) -> None:
        sh(sandbox, "echo x > ../home/s; cd ..; rm -rf repo; ln -s home repo")
        with pytest.raises(ToolError):
            sandbox.read("s")

    def test_a_dangling_link_is_no_way_to_make_a_file(self, sandbox: ServedSandbox) -> None:
        sh(sandbox, "ln -s ../home/made file")
        with pytest.raises(ToolError, match="link"):
            sandbox.write("file", b"x")
        assert sh(sandbox, "ls ../home").output == b""

    def test_what_is_no_regular_file_is_refused_without_waiting(
        self, sandbox: ServedSandbox
    ) -> None:
        sh(
            sandbox,
            'mkfifo fifo; mkdir dir; python3 -c "import socket as s; s.socket(s.AF_UNIX)'
            ".bind('sock')\"",
        )
        began = time.monotonic()
        for path in ("fifo", "dir", "sock", "", "."):
            with pytest.raises(ToolError):
                sandbox.read(path)
            with pytest.raises(ToolError):
                sandbox.write(path, b"x")
        assert time.monotonic() - began < 10

    def test_a_missing_file_is_named(self, sandbox: ServedSandbox) -> None:
        with pytest.raises(ToolError, match=r"a/b\.txt|a does not exist"):
            sandbox.read("a/b.txt")

    def test_a_file_as_a_folder_is_refused(self, sandbox: ServedSandbox) -> None:
        sandbox.write("plain", b"x")
        for call in (sandbox.read, sandbox.listing):
            with pytest.raises(ToolError, match="not a directory"):
                call("plain/x")

    def test_a_file_larger_than_the_cap_is_refused(self, sandbox: ServedSandbox) -> None:
        sandbox.write("big", b"x" * 1001)
        with pytest.raises(ToolError, match="1001"):
            sandbox.read("big", cap=1000)
        assert len(sandbox.read("big", cap=1001)) == 1001

    def test_a_file_of_nothing_but_holes_is_refused_at_once(self, sandbox: ServedSandbox) -> None:
        sh(sandbox, "truncate -s 200M holes")
        with pytest.raises(ToolError, match="holes"):
            sandbox.read("holes")

    def test_more_bytes_than_may_be_written_are_refused(self, sandbox: ServedSandbox) -> None:
        with pytest.raises(ToolError, match="allowed"):
            sandbox.write("big", b"x" * (16 * KIB * KIB + 1))
        assert sandbox.listing("") == ()

    def test_bytes_come_back_as_they_were_written(self, sandbox: ServedSandbox) -> None:
        data = bytes(range(256)) * 1000
        sandbox.write("data", data)
        assert sandbox.read("data") == data

    def test_parents_are_made_and_slashes_do_not_matter(self, sandbox: ServedSandbox) -> None:
        sandbox.write("a//b/./c.txt", b"x")
        assert sandbox.read("a/b/c.txt") == b"x"

    def test_absolute_paths_below_the_repository_are_taken(self, sandbox: ServedSandbox) -> None:
        sandbox.write("/work/repo/a.txt", b"x")
        assert sandbox.read("a.txt") == sandbox.read("/work/repo/a.txt") == b"x"
        assert sandbox.listing("/work/repo") == ("a.txt",)

    def test_a_replaced_file_keeps_its_mode_and_leaves_other_names_alone(
        self, sandbox: ServedSandbox
    ) -> None:
        sh(sandbox, "echo old > tool; chmod 755 tool; ln tool other")
        sandbox.write("tool", b"new\n")
        assert sh(sandbox, "stat -c %a tool; cat tool other").output == b"755\nnew\nold\n"
        assert sandbox.listing("") == ("other", "tool")

    def test_names_that_are_no_text_can_be_listed_and_read(self, sandbox: ServedSandbox) -> None:
        sh(sandbox, r"printf x > $'caf\xe9'; printf y > $'new\nline'")
        names = sandbox.listing("")
        assert names == ("caf\udce9", "new\nline")
        assert [sandbox.read(name) for name in names] == [b"x", b"y"]

    def test_a_listing_is_sorted_marks_folders_and_is_capped(self, sandbox: ServedSandbox) -> None:
        sh(sandbox, "mkdir b; touch c a; ln -s b link")
        assert sandbox.listing("") == ("a", "b/", "c", "link")
        assert sandbox.listing(".", cap=2) == ("a", "b/")


class EntriesConformance:
    """`entries`: what the judge sees of a tree before it reads any of it."""

    def test_every_kind_of_entry_is_told_apart(self, sandbox: ServedSandbox) -> None:
        sh(
            sandbox,
            "mkdir -p d .git; echo hi > d/f; chmod 750 d/f; ln d/f hard; ln -s d/f soft; "
            "mkfifo pipe; touch .git/x d/.git",
        )
        found = {entry.path: entry for entry in sandbox.entries(100, 10_000)}
        assert sorted(found) == ["d/.git", "d/f", "hard", "pipe", "soft"]
        file = found["d/f"]
        assert (file.kind, file.mode, file.size, file.links) == ("file", 0o750, 3, 2)
        assert file.sha256 == hashlib.sha256(b"hi\n").hexdigest()
        assert (found["soft"].kind, found["soft"].sha256) == ("symlink", None)
        assert (found["pipe"].kind, found["pipe"].sha256) == ("other", None)

    def test_names_that_are_no_text_survive(self, sandbox: ServedSandbox) -> None:
        sh(sandbox, r"touch $'\xff\n\"'")
        assert [os.fsencode(entry.path) for entry in sandbox.entries()] == [b'\xff\n"']

    def test_too_many_entries_are_refused(self, sandbox: ServedSandbox) -> None:
        sh(sandbox, "touch a b c; mkdir d")
        assert len(sandbox.entries(4, 0)) == 3
        with pytest.raises(ToolError, match="entries"):
            sandbox.entries(3, 0)

    def test_holes_count_as_bytes(self, sandbox: ServedSandbox) -> None:
        sh(sandbox, "truncate -s 100M holes")
        with pytest.raises(ToolError, match="bytes"):
            sandbox.entries(100, 99_000_000)

    def test_three_hundred_folders_deep_is_refused(self, sandbox: ServedSandbox) -> None:
        sh(sandbox, "for i in $(seq 300); do mkdir d && cd d; done")
        with pytest.raises(ToolError, match="deep"):
            sandbox.entries()
