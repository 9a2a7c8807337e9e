"""Files are written whole or not at all, and what killed processes left is removed by the next run."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import numpy as np
import pytest
from helpers import cases

from ganaug.cli.console import atomic_file, atomic_folder
from ganaug.exceptions import ModelPathError
from ganaug.pools.formats import write_pool
from ganaug.utils import files
from ganaug.utils.files import remove_leftovers, replacing, temporary_beside, write_whole
from ganaug.utils.state import write_state

LEAVE = """
import sys
from pathlib import Path
from ganaug.utils.files import temporary_beside
target = Path(sys.argv[1])
one = temporary_beside(target, target.suffix)
one.write_text("half")
two = temporary_beside(target)
two.mkdir()
(two / "image.png").write_text("half")
print("ready", flush=True)
sys.stdin.read()
"""


def leave(target):
    """A process that has a file and a folder beside ``target`` and works on."""
    process = subprocess.Popen(
        [sys.executable, "-c", LEAVE, str(target)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=files.__file__.rsplit("/", 2)[0],
    )
    assert process.stdout.readline() == "ready\n"
    return process


def names(folder):
    return sorted(path.name for path in folder.iterdir())


WRITERS = {
    "bytes": lambda path: write_whole(path, b"new"),
    "state": lambda path: write_state(path, "demo", {}, {"a": np.zeros(3)}),
    "pool": lambda path: write_pool(path, (2,), np.dtype(np.uint8), [np.zeros(2, np.uint8)]),
    "cli": lambda path: _through_cli(path),
}


def _through_cli(path):
    with atomic_file(str(path)) as temporary:
        temporary.write_text("new")


@cases("writer", WRITERS)
def test_the_next_run_removes_what_a_killed_one_left(tmp_path, writer):
    target = tmp_path / "rows.csv"
    process = leave(target)
    assert len(names(tmp_path)) == 2
    WRITERS[writer](target)
    assert len(names(tmp_path)) == 3, "a living process's files are left alone"
    process.kill()
    # not waited for: a process that ended and whose parent has not asked is dead as well
    deadline = time.monotonic() + 10
    while len(names(tmp_path)) > 1 and time.monotonic() < deadline:
        time.sleep(0.02)
        WRITERS[writer](target)
    assert names(tmp_path) == ["rows.csv"]
    process.communicate()


def test_a_folder_is_written_whole_and_cleared(tmp_path):
    process = leave(tmp_path / "out")
    process.kill()
    process.communicate()
    with atomic_folder(str(tmp_path / "out")) as temporary:
        (temporary / "a.txt").write_text("a")
    assert names(tmp_path) == ["out"]


def test_the_number_of_a_dead_process_may_be_given_again(tmp_path):
    """A file says when its process started: a later one of the same number does not keep it."""
    own = temporary_beside(tmp_path / "x")
    host, pid, start, random = own.name.removesuffix(".tmp").removeprefix(".ganaug-").split("-")
    assert int(pid) == os.getpid()
    earlier = tmp_path / f".ganaug-{host}-{pid}-{int(start, 16) - 1:x}-{random}.tmp"
    unknown = tmp_path / f".ganaug-{host}-{pid}-0-{random}.tmp"
    for path in (own, earlier, unknown):
        path.write_text("half")
    remove_leftovers(tmp_path)
    assert names(tmp_path) == sorted([own.name, unknown.name])


def test_without_proc_a_dead_process_is_still_known(tmp_path, monkeypatch):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    monkeypatch.setattr(files, "_start", lambda pid: None)
    path = temporary_beside(tmp_path / "x")
    left = tmp_path / path.name.replace(f"-{os.getpid()}-", f"-{dead.pid}-")
    path.touch()
    left.touch()
    remove_leftovers(tmp_path)
    assert names(tmp_path) == [path.name]


@cases(
    "name",
    [
        ".ganaug-00000000-1-1-00000000.tmp",  # of another machine
        ".ganaug-0123456789abcdef.csv",  # of an earlier version
        ".ganaug-abc_1234.tmp",  # of an earlier version's pool
    ],
)
def test_what_does_not_say_whose_it_is_goes_when_it_is_old(tmp_path, name):
    path = tmp_path / name
    path.write_text("half")
    remove_leftovers(tmp_path)
    assert path.exists()
    os.utime(path, (time.time() - 31 * 24 * 3600,) * 2)
    remove_leftovers(tmp_path)
    assert not path.exists()


@cases("name", [".ganaug-notes", ".ganaugrc", "ganaug-1-2-3-4.tmp", ".ganaug-1-2.txt", ".ganaug-"])
def test_what_is_not_ours_stays(tmp_path, name):
    path = tmp_path / name
    path.write_text("mine")
    os.utime(path, (0, 0))
    remove_leftovers(tmp_path)
    assert path.exists()


def test_links_are_not_followed(tmp_path):
    keep = tmp_path / "keep"
    keep.mkdir()
    (keep / "a.txt").write_text("mine")
    work = tmp_path / "work"
    work.mkdir()
    process = leave(work / "x")
    process.kill()
    process.communicate()
    folder = next(path for path in work.iterdir() if path.is_dir())
    (folder / "link").symlink_to(keep)
    (work / ".ganaug-00000000-1-1-00000000.tmp").symlink_to(keep)
    os.utime(work / ".ganaug-00000000-1-1-00000000.tmp", (0, 0), follow_symlinks=False)
    remove_leftovers(work)
    assert names(work) == [".ganaug-00000000-1-1-00000000.tmp"]
    assert names(keep) == ["a.txt"]


@cases("name", ["n" * 250 + ".csv", "x." + "y" * 240, "ü" * 120, "rows.tar.gz"])
def test_names_stay_short(tmp_path, name):
    target = tmp_path / name
    assert len(os.fsencode(temporary_beside(target, target.suffix).name)) <= 93 + 32
    write_whole(target, b"a")
    assert target.read_bytes() == b"a" and names(tmp_path) == [name]


def test_an_error_in_the_block_leaves_the_old_file(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises(RuntimeError), replacing(target) as temporary:
        temporary.write_text("ne")
        raise RuntimeError
    assert target.read_text() == "old" and names(tmp_path) == ["a.txt"]


def test_a_link_stays_a_link_and_the_mode_stays(tmp_path):
    target, link = tmp_path / "a.txt", tmp_path / "b.txt"
    target.write_text("old")
    target.chmod(0o640)
    link.symlink_to(target)
    write_whole(link, b"new")
    assert link.is_symlink() and target.read_text() == "new" and target.stat().st_mode & 0o777 == 0o640


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ModelPathError, match="create it, then save again"):
        write_whole(tmp_path / "no" / "a.txt", b"a")
    remove_leftovers(tmp_path / "no")
