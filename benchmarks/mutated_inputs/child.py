"""A child process that reads damaged files, and measures time and memory of each."""

from __future__ import annotations

import functools
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import traceback
from pathlib import Path
from random import Random

from benchmarks.mutated_inputs.reader import Reader, mutated, try_one
from benchmarks.mutated_inputs.readers import READERS

#: Seconds of processor time after which an input counts as one that hangs.
_HANGS = 20
#: Bytes of addresses above those of the imports: what asks for more gets a MemoryError.
_ADDRESSES = 4 * 2**30


def random_of(name: str, seed: int, index: int) -> Random:
    """What decides on the damage of one input."""
    return Random(f"{name} {seed} {index}")


def main(name: str, seed: int, first: int, last: int) -> None:
    """Writes a JSON line as an input begins, and one of what came of it, to standard output.

    The reader imports what it needs while it reads the valid files; memory counts from there.
    """
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # What a reader prints is no answer.
    reader = READERS[name]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch, "input")
        valid = reader.valid()
        for content in valid:
            _emptied(folder)
            reader.read(content, folder)
        _remember_annotations()
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + _ADDRESSES,) * 2)
        for index in range(first, last):
            print(json.dumps({"begins": index}), file=answers)
            _emptied(folder)
            content = mutated(reader, valid, random_of(name, seed, index))
            signal.setitimer(signal.ITIMER_PROF, _HANGS)  # SIGPROF ends the process.
            held = _reset_peak()
            began = _processor_time()
            told = _told(reader, content, folder)
            seconds = _processor_time() - began
            signal.setitimer(signal.ITIMER_PROF, 0)
            grown = (_peak() - held) / 1024
            print(json.dumps({"seconds": seconds, "megabytes": grown, **told}), file=answers)


def _remember_annotations() -> None:
    """Has Model Garden look up the annotations of a class once.

    It does so for every value that it sets, which takes nine tenths of the time of those readers
    that make configurations, a tenth of a second or two.
    """
    if config := sys.modules.get("official.modeling.hyperparams.base_config"):
        found = functools.cache(config.Config._get_annotations.__func__)
        config.Config._get_annotations = classmethod(found)


def _told(reader: Reader, content: bytes, folder: Path) -> dict[str, str]:
    try:
        sentence = try_one(reader, content, folder)
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{os.path.basename(place.filename)}:{place.lineno}"
        return {"fault": f"{type(error).__name__} at {where}: {error!s:.300}"}
    return {} if sentence is None else {"refused": sentence}


def _processor_time() -> float:
    """Of this process and of those that it has waited for."""
    own, others = (
        resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return sum(used.ru_utime + used.ru_stime for used in (own, others))


def _emptied(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()


def _reset_peak() -> int:
    """Lets the peak begin anew, which imports have driven up; gives the memory held now, in KB."""
    Path("/proc/self/clear_refs").write_text("5")
    return _peak()


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
