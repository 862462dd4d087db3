"""Files read within bounds, and written beside and renamed so that nobody meets half a file."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import re
import stat
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any

from cells.support import addresses
from cells.support.errors import UserError, about

#: How Python shows what has no name, such as an open file: says nothing, and changes at each run.
_OBJECT = re.compile(r" ?<[^<>]* object at 0x[0-9a-f]+>")

#: What public functions take as a path, and as one or several.
FilePath = str | os.PathLike[str]
FilePaths = FilePath | Sequence[FilePath]


def as_paths(paths: FilePaths) -> list[str]:
    """One or several paths, as a list of texts.

    Args:
        paths: one path or several.
    """
    if isinstance(paths, str | os.PathLike):
        return [os.fspath(paths)]
    return [os.fspath(path) for path in paths]


def expanded(path: str | os.PathLike[str]) -> pathlib.Path:
    """A path with its `~` or `~user` spelled out.

    Raises:
        UserError: there is no such user.
    """
    try:
        return pathlib.Path(path).expanduser()
    except RuntimeError:
        shown = os.fspath(path)
        raise UserError(
            f"{shown}: there is no home folder of {shown.split(os.sep)[0]}; write ./~... for a "
            "name that begins with ~"
        ) from None


def path_text(path: FilePath) -> str:
    """A path or an address as text, with its `~` spelled out.

    Raises:
        UserError: as `expanded`.
    """
    text = os.fspath(path)
    return str(expanded(text)) if text.startswith("~") else text


def require_file(path: str | os.PathLike[str], noun: str) -> pathlib.Path:
    """The path of an ordinary file: opening a FIFO, a device or a socket may wait for ever.

    Args:
        path: may begin with `~`.
        noun: what the file holds, such as `genotype`.

    Raises:
        UserError: there is no such file, or it is none.
    """
    place, shown = expanded(path), os.fspath(path)
    try:
        mode = place.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(f"{shown}: there is no such {noun} file") from None
    except (OSError, ValueError) as error:
        raise UserError(f"{shown}: cannot be read ({reason(error)})") from None
    if stat.S_ISDIR(mode):
        raise UserError(f"{shown}: is a folder; give the {noun} file itself")
    if not stat.S_ISREG(mode):
        raise UserError(
            f"{shown}: is not an ordinary file (a pipe, device or socket); save it first"
        )
    return place


def read(path: str | os.PathLike[str], noun: str, most: int, *, usual: str = "") -> bytes:
    """The bytes of a file that cannot be larger than it should be.

    Args:
        path: the file.
        noun: what it holds, such as `genotype`.
        most: bytes that it may have.
        usual: how large such files are, for people.

    Raises:
        UserError: there is no such file, it cannot be read, or it is larger.
    """
    shown = os.fspath(path)
    if addresses.is_address(shown):
        data = addresses.read(shown, noun, most)
    else:
        try:
            with open(require_file(path, noun), "rb") as file:
                # Not read(most + 1), which asks for all that memory at once.
                size = os.fstat(file.fileno()).st_size
                data = file.read() if size <= most else None
        except OSError as error:
            raise UserError(f"{shown}: cannot be read ({reason(error)})") from None
    if data is None or len(data) > most:
        hint = f" ({usual})" if usual else ""
        raise UserError(f"{shown}: larger than {most:,} bytes, so this is not a {noun} file{hint}")
    return data


def exists(path: str | os.PathLike[str]) -> bool:
    """Whether there is a file or a folder of that path or address.

    Raises:
        UserError: an address cannot be looked at.
    """
    shown = os.fspath(path)
    return addresses.exists(shown) if addresses.is_address(shown) else os.path.exists(shown)


def read_text(path: str | os.PathLike[str], noun: str, most: int) -> str:
    """The text of a file as `read` reads it, in UTF-8, a byte order mark left out.

    Raises:
        UserError: as `read`, or it is no text in UTF-8.
    """
    try:
        return read(path, noun, most).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(
            f"{os.fspath(path)}: is not UTF-8 text (byte {error.start:,}); save it as UTF-8"
        ) from None


def is_text(name: str) -> bool:
    """Whether a name can be written into a file: those of files may be bytes that are no UTF-8."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def reason(error: BaseException) -> str:
    """What an error says, in one short line."""
    words = getattr(error, "strerror", None) or _OBJECT.sub("", " ".join(str(error).split()))
    return (words or type(error).__name__)[:200]


def writable(folder: pathlib.Path) -> bool:
    """Whether something new may go to the folder, which need not exist yet."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    # Root may write everywhere, but a folder to which nobody was given the right to write is
    # meant to be left alone by root, too.
    anybody = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH
    return os.access(folder, os.W_OK | os.X_OK) and bool(folder.stat().st_mode & anybody)


def require_writable(path: FilePath | None, flag: str = "--output") -> None:
    """Raises a UserError where a file or a folder cannot be written, before what takes long begins.

    Args:
        path: where it goes; None: nowhere.
        flag: that says so.
    """
    if path is None or addresses.is_address(os.fspath(path)):
        return
    folder = expanded(path).absolute().parent
    if not writable(folder):
        raise UserError(f"{flag}: {os.fspath(path)} cannot be written: {folder} takes no files")


@contextlib.contextmanager
def writing(path: str | os.PathLike[str]) -> Iterator[None]:
    """Says in one sentence what the operating system has against a file.

    Args:
        path: where the file goes.

    Raises:
        UserError: the folder cannot be written or the disk is full.
    """
    try:
        yield
    except OSError as error:
        if error.errno is None:
            raise
        raise UserError(f"{path}: cannot be written ({os.strerror(error.errno)})") from error


@contextlib.contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[pathlib.Path]:
    """Gives a temporary path beside `path`, renamed to it when the block ends well.

    The temporary name keeps the ending, since Keras and matplotlib choose a format by it.
    On an error the temporary file is removed and what stood at `path` stays. That of an address
    lies on this machine, and is copied there at last.

    Args:
        path: where the file goes; may begin with `~`.

    Raises:
        UserError: the folder cannot be written or the disk is full.
    """
    if addresses.is_address(path):
        address = os.fspath(path)
        with tempfile.TemporaryDirectory() as folder:
            local = pathlib.Path(folder, address.rpartition("/")[2])
            yield local
            addresses.upload(local, address)
        return
    target = expanded(path)
    temporary: pathlib.Path | None = None
    try:
        with writing(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(
                prefix=f".{target.stem[:40]}-", suffix=target.suffix, dir=target.parent
            )
            os.close(handle)
            temporary = pathlib.Path(name)
            yield temporary
            with open(temporary, "rb") as file:
                os.fsync(file.fileno())
            # mkstemp makes files that only the owner may read; a result is an ordinary file.
            umask = os.umask(0)
            os.umask(umask)
            temporary.chmod(0o666 & ~umask)
            temporary.replace(target)
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def write_atomically(path: str | os.PathLike[str], data: bytes) -> None:
    """Writes `data` to `path`, complete or not at all; makes missing folders.

    Args:
        path: where the file goes.
        data: its content.
    """
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def json_text(value: Any, indent: int | None = 2) -> str:
    """JSON for people and programs, in lines; ends with a newline.

    Raises:
        UserError: a number is not finite, or a text holds what is no character, such as the name
            of a file whose bytes are no UTF-8: `cells.support.json_file` would not read it.
    """
    try:
        text = json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False)
        text.encode()
    except UnicodeEncodeError as error:
        near = error.object[max(error.start - 20, 0) : error.end + 20]
        raise UserError(
            f"{near!a}: is not UTF-8 text, so no file can hold it; rename what is called so"
        ) from None
    except (RecursionError, ValueError) as error:
        raise UserError(f"cannot be written as JSON ({error})") from None
    return f"{text}\n"


def write_json(path: str | os.PathLike[str], value: Any) -> None:
    """Writes JSON for people and programs to `path`, complete or not at all.

    Args:
        path: where the file goes.
        value: JSON values.

    Raises:
        UserError: the folder cannot be written or the disk is full, or see `json_text`.
    """
    with about(os.fspath(path)):
        text = json_text(value)
    write_atomically(path, text.encode())
