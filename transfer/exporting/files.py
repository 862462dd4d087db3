"""What exports have in common, of classifiers and of detectors.

A format says how its file is written and opened. All files are written beside their place, each is
opened again and compared with the trained network, and only then they are moved to it.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from cells.support.errors import UserError
from cells.support.files import writing
from cells.support.registry import choose

Network = TypeVar("Network")
Opened = TypeVar("Opened")


@dataclass(frozen=True)
class Format(Generic[Network, Opened]):
    """A kind of file.

    Attributes:
        file: its name in the folder of an export.
        write: writes a network to a path.
        open: opens a path; gives a function that computes what the network does.
        input: what goes in, in words.
        difference: of the file's output to the trained network's that is allowed, relative to the
            largest; infinite where it does not matter.
        extra: of the project's that must be installed.
        opens_with: the package and the least version of it that open the file, where it matters.
    """

    file: str
    write: Callable[[Network, str], None]
    open: Callable[..., Opened]
    input: str
    difference: float = 1e-4
    extra: str | None = None
    opens_with: str | None = None


AnyFormat = TypeVar("AnyFormat", bound=Format[Any, Any])

#: What the extras of the project consist of.
_MODULES = {"onnx": ("tf2onnx", "onnxruntime")}


def choose_formats(kinds: Sequence[str], known: Mapping[str, AnyFormat]) -> dict[str, AnyFormat]:
    """The formats of some kinds, by kind.

    Args:
        kinds: names among `known`.
        known: the formats that there are.

    Raises:
        UserError: there is no such kind, or the packages that it needs are not installed; says how
            to install them.
    """
    for kind in kinds:
        extra = choose("--formats", kind, known).extra
        missing = [m for m in _MODULES.get(extra or "", ()) if not importlib.util.find_spec(m)]
        if missing:
            raise UserError(
                f"--formats: {kind} needs {' and '.join(missing)}; install the extra "
                f"transferable-cells[{extra}], or leave it out"
            )
    return {kind: known[kind] for kind in kinds}


@contextlib.contextmanager
def beside(output: str, *, folder: bool) -> Iterator[str]:
    """Gives a folder beside `output`, for files that are moved there once they are complete.

    Args:
        output: what is to be written.
        folder: whether that is a folder, which may be there.

    Raises:
        UserError: it cannot be written, or the disk is full.
    """
    place = os.path.dirname(os.path.abspath(output))
    with writing(f"--output: {output}"):
        os.makedirs(place, exist_ok=True)
        if folder and os.path.exists(output):
            os.listdir(output)  # Where a file is in the way, this says so before the work.
        with tempfile.TemporaryDirectory(prefix=".export-", dir=place) as temporary:
            yield temporary


def write_compared(
    network: Network,
    chosen: Mapping[str, Format[Network, Any]],
    folder: str,
    compare: Callable[[str, str], Mapping[str, float]],
) -> dict[str, dict[str, Any]]:
    """Writes files, and compares each with the network that it was written from.

    Args:
        network: what is written.
        chosen: the formats by kind.
        folder: where to.
        compare: of a kind and the path of its file, how the file compares; raises a `UserError`
            where it is not the network (see `differs`).

    Returns:
        Of each kind its `file`, its `input`, what `compare` gives, and `opens_with` where it is
        known, as JSON values.
    """
    files: dict[str, dict[str, Any]] = {}
    for kind, form in chosen.items():
        path = os.path.join(folder, form.file)
        form.write(network, path)
        files[kind] = {"file": form.file, "input": form.input, **compare(kind, path)}
        if form.opens_with:
            files[kind]["opens_with"] = form.opens_with
    return files


def differs(kind: str, trained: str, how: str) -> UserError:
    """The error of a file that is not what was trained.

    Args:
        kind: of the file.
        trained: `network` or `detector`.
        how: by how much, in words.
    """
    return UserError(
        f"--formats: {kind} differs from the trained {trained} ({how}), so nothing is written; "
        "leave it out, or train longer"
    )


def replace_all(source: str, target: str) -> None:
    """Moves what a folder holds to another, in the place of what has the same names there."""
    os.makedirs(target, exist_ok=True)
    for name in os.listdir(source):
        replace(os.path.join(source, name), os.path.join(target, name))


def replace(source: str, target: str) -> None:
    """Moves a file or a folder to where one of that name may be."""
    if os.path.isdir(target) and not os.path.islink(target):
        shutil.rmtree(target)
    os.replace(source, target)


def attach(path: str, name: str, text: str) -> None:
    """Puts a text into a TFLite file, which may end in a ZIP archive, as TensorFlow's tools do."""
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(name, text)


def add_metadata(path: str, name: str, text: str) -> None:
    """Puts a text into the metadata of an ONNX file."""
    import onnx

    model = onnx.load(path)
    entry = model.metadata_props.add()
    entry.key, entry.value = name, text
    onnx.save(model, path)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keeps what converters print from the screen."""
    with contextlib.redirect_stdout(io.StringIO()):
        yield
