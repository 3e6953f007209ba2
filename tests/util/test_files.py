"""Every place that writes or reads a file says the same when the disk refuses, and no file is lost."""

from __future__ import annotations

import errno
import os
import pickle
from pathlib import Path

import pytest

import graphc as g
from graphc.errors import FileError, GraphcError
from graphc.util.files import read_whole, write_whole

x = g.symbol("x")

WRITERS = {
    "graph.json": lambda path: g.save(x * x, path),
    "diagram.svg": lambda path: g.draw(x * x).save(path),
    "diagram.dot": lambda path: g.draw(x * x).save(path),
    "module.py": lambda path: g.compile(x * x).export(path),
    "kernel.o": lambda path: g.compile(x * x).export(path),
    "error.png": lambda path: g.accuracy(x + 1, samples=2, nodes=False).plot(path),
}


@pytest.fixture(params=[*WRITERS, "kernel.h"])
def writer(request, tmp_path):
    """(a function that writes to a path, the name of the file)"""
    name = request.param
    if name == "kernel.h":
        kernel = tmp_path / "kernel.o"
        return (lambda path: g.compile(x * x).export(kernel, header=path)), name
    return WRITERS[name], name


def test_a_directory_that_is_not_there(writer, tmp_path):
    write, name = writer
    with pytest.raises(FileError, match=r"there is no directory '.*nowhere'") as caught:
        write(tmp_path / "nowhere" / name)
    assert isinstance(caught.value, GraphcError) and isinstance(caught.value, FileNotFoundError)
    assert caught.value.errno == errno.ENOENT
    assert "os.makedirs" in str(caught.value) and caught.value.site is not None
    assert caught.value.site.filename == __file__


def test_a_name_that_ends_as_a_directorys(tmp_path):
    with pytest.raises(FileError, match="names a directory"):
        write_whole(f"{tmp_path}/x.json/", b"1")
    assert not list(tmp_path.iterdir())


def test_a_directory_in_the_files_place(writer, tmp_path):
    write, name = writer
    target = tmp_path / name
    target.mkdir()
    with pytest.raises(FileError, match="it is a directory"):
        write(target)
    assert target.is_dir() and not list(target.iterdir())


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_no_permission(writer, tmp_path):
    write, name = writer
    place = tmp_path / "closed"
    place.mkdir()
    place.chmod(0o500)
    try:
        with pytest.raises(FileError, match="Permission denied") as caught:
            write(place / name)
    finally:
        place.chmod(0o700)
    assert f"this user may not write '{place}'" in str(caught.value)


@pytest.mark.parametrize("failure", [errno.EACCES, errno.EROFS, errno.ENOSPC])
def test_what_the_disk_refuses_is_named_and_the_old_file_stays(tmp_path, monkeypatch, failure):
    target = tmp_path / "f.json"
    target.write_bytes(b"old")

    def refuse(*_):
        raise OSError(failure, os.strerror(failure))

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(FileError, match=os.strerror(failure)) as caught:
        write_whole(target, b"new")
    assert (caught.value.errno, caught.value.filename) == (failure, str(target))
    assert (caught.value.hint is not None) == (failure == errno.EACCES)
    assert target.read_bytes() == b"old" and os.listdir(tmp_path) == ["f.json"]


def test_an_interruption_is_no_error_of_the_file(tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_whole(tmp_path / "f.json", b"new")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("path", [None, 3, 1.5, ["a"]])
def test_what_is_no_path(writer, path):
    write, name = writer
    if name == "kernel.h" and path is None:
        return  # no header is asked for
    with pytest.raises(FileError, match="is not a path"):
        write(path)


def test_a_null_byte(writer):
    write, name = writer
    with pytest.raises(FileError, match="null byte"):
        write("a\0b" + Path(name).suffix)


def test_paths_may_be_bytes(tmp_path):
    target = os.fsencode(tmp_path / "f.json")
    write_whole(target, b"content")  # type: ignore[arg-type]
    assert read_whole(target) == b"content"  # type: ignore[arg-type]


def test_reading(tmp_path):
    with pytest.raises(FileError, match=r"cannot read .*No such file"):
        g.load(tmp_path / "missing.json")
    with pytest.raises(FileError, match="there is no directory"):
        g.load(tmp_path / "nowhere" / "missing.json")
    with pytest.raises(FileError, match="it is a directory"):
        g.load(tmp_path)
    with pytest.raises(FileError, match="not a directory"):
        (tmp_path / "file").touch()
        g.load(tmp_path / "file" / "below.json")


def test_file_errors_are_pickled_whole(tmp_path):
    with pytest.raises(FileError) as caught:
        g.load(tmp_path / "missing.json")
    again = pickle.loads(pickle.dumps(caught.value))
    assert str(again) == str(caught.value) and again.errno == errno.ENOENT
