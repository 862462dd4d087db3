"""Reads valid files that were damaged at random, and counts what does not end as it should.

  python -m benchmarks.mutated_inputs                        10,000 inputs for each reader
  python -m benchmarks.mutated_inputs coco yolo --count=500  some readers, fewer inputs
  python -m benchmarks.mutated_inputs coco --first=123 --count=1 --keep=folder
                                                             one input again; its files are kept

Each input ends in a result or in one UserError, within a second of processor time and 200 MB of
peak memory above the imports. Child processes read and measure, so that one that dies is one fault.
"""

from __future__ import annotations

import argparse
import collections
import json
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.mutated_inputs.child import random_of
from benchmarks.mutated_inputs.reader import mutated, try_one
from benchmarks.mutated_inputs.readers import READERS
from benchmarks.report import Figure, observed, print_figures, required

LIMITS = {
    "*: inputs that end otherwise": ("<= 0", 7, "the reader of VOC at 6136e83, of 300 inputs"),
    "*: seconds of the slowest input": ("<= 1", 20, "a reader that hangs, ended then"),
    "*: MB above the imports": ("<= 200", 4096, "a reader that takes what it can get, ended then"),
}

_BATCH = 1000


@dataclass
class Outcome:
    """What came of the inputs of one reader.

    Attributes:
        read: how many were read.
        refused: how many ended in a UserError.
        faults: what ended otherwise, with the numbers of such inputs.
        seconds: the longest processor time of one, and its number.
        megabytes: the largest peak above the imports, and the number of the input that made it.
    """

    read: int = 0
    refused: int = 0
    faults: dict[str, list[int]] = field(default_factory=lambda: collections.defaultdict(list))
    seconds: tuple[float, int] = (0.0, -1)
    megabytes: tuple[float, int] = (0.0, -1)


def main() -> None:
    """Prints the faults of each reader, then the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("readers", nargs="*", help=f"by default all of {', '.join(READERS)}")
    parser.add_argument("--count", type=int, default=10_000, help="inputs for each reader")
    parser.add_argument("--first", type=int, default=0, help="number of the first input")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="folder for the files of one input")
    given = parser.parse_args()
    unknown = set(given.readers) - READERS.keys()
    if unknown:
        parser.error(f"unknown readers {', '.join(sorted(unknown))}; known are {list(READERS)}")
    names = given.readers or list(READERS)
    if given.keep:
        reader = READERS[names[0]]
        given.keep.mkdir(parents=True)
        random = random_of(names[0], given.seed, given.first)
        print(try_one(reader, mutated(reader, reader.valid(), random), given.keep) or "read")
        return
    figures: list[Figure] = []
    for name in names:
        outcome = _tried(name, given.seed, given.first, given.first + given.count)
        for fault, numbers in sorted(outcome.faults.items()):
            print(f"{name}: {len(numbers):,} times, such as input {numbers[0]}: {fault}")
        print(
            f"{name}: {outcome.read:,} read, {outcome.refused:,} refused, slowest "
            f"{outcome.seconds[0]:.3f} s (input {outcome.seconds[1]}), largest "
            f"{outcome.megabytes[0]:.0f} MB (input {outcome.megabytes[1]})",
            flush=True,
        )
        count = sum(map(len, outcome.faults.values()))
        slow, large = round(outcome.seconds[0], 3), round(outcome.megabytes[0])
        figures += [
            required(LIMITS, f"{name}: inputs that end otherwise", count),
            required(LIMITS, f"{name}: seconds of the slowest input", slow),
            required(LIMITS, f"{name}: MB above the imports", large),
            observed(f"{name}: inputs that are read", outcome.read, note=f"of {given.count:,}"),
        ]
    print_figures(figures, [given.seed])


def _tried(name: str, seed: int, first: int, last: int) -> Outcome:
    outcome = Outcome()
    while first < last:
        first = _one_child(name, seed, first, min(first + _BATCH, last), outcome)
    return outcome


def _one_child(name: str, seed: int, first: int, last: int, outcome: Outcome) -> int:
    """Lets a child read inputs, and gives the number of the one that comes next."""
    command = [sys.executable, "-m", "benchmarks.mutated_inputs.child", name]
    done = subprocess.run(
        [*command, *map(str, (seed, first, last))], capture_output=True, text=True, check=False
    )
    index = None
    for line in done.stdout.splitlines():
        told = json.loads(line)
        if "begins" in told:
            index = told["begins"]
            continue
        if "fault" in told:
            outcome.faults[told["fault"]].append(index)
        elif "refused" in told:
            outcome.refused += 1
        else:
            outcome.read += 1
        outcome.seconds = max(outcome.seconds, (told["seconds"], index))
        if told["megabytes"] > outcome.megabytes[0]:
            outcome.megabytes = (told["megabytes"], index)
    if done.returncode == 0:
        return last
    if index is None:
        raise RuntimeError(f"{name}: the valid files are not read: {done.stderr[-2000:]}")
    code = -done.returncode
    how = signal.Signals(code).name if code > 0 else f"exit code {done.returncode}"
    outcome.faults[f"the process ended with {how}"].append(index)
    return index + 1


if __name__ == "__main__":
    main()
