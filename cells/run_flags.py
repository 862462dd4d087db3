"""What `cell-transfer` and `cell-detect` make of the flags that both have.

Slips are told here that are found without TensorFlow, whose import takes seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from absl import flags

from cells import shipped
from cells.checks import stages
from cells.kinds import files as kinds
from cells.support import command_line
from cells.support.errors import UserError, printable, require_known
from cells.support.files import write_json

#: Whose short names of configurations a program knows.
_CONFIGURATIONS = {stages.CLASSIFIER: "transfer", stages.DETECTOR: "detection"}

_NETWORKS = {stages.CLASSIFIER: "classifier", stages.DETECTOR: "detector"}

#: What is done in a mode.
_DOES = {
    "train": "trains",
    "train_and_eval": "trains",
    "eval": "evaluates",
    "predict": "runs",
    "export": "exports",
    "summary": "sums up",
}


def say(
    argv: Sequence[str], prog: str, modes: Mapping[str, Callable[[Sequence[str]], Iterator[str]]]
) -> None:
    """Prints what the mode that is asked for says.

    Args:
        argv: the program, and what is no flag: images of the mode `predict`.
        prog: name of the program.
        modes: what they say, by name.

    Raises:
        UserError: no mode is asked for, or an argument is none.
    """
    command_line.hush(prog)
    mode = command_line.required("mode")
    if len(argv) > 1 and mode != "predict":
        raise UserError(f"{argv[1]!r}: is not a known argument; see {prog} --help")
    for line in modes[mode](argv[1:]):
        print(printable(line))


def settings(prog: str, *, trained: bool = True) -> dict[str, Any]:
    """The flags of the configuration, of a run that there is or of a new one.

    Args:
        prog: name of the program.
        trained: whether the run is there.

    Raises:
        UserError: there is no such run, or a file cannot be read.
    """
    values = flags.FLAGS
    said = shipped.read_settings(values.config_file, values.params_override, _CONFIGURATIONS[prog])
    given = {
        "config_file": values.config_file,
        "params_override": values.params_override,
        "data_dir": values.data_dir,
    }
    if trained:
        begin(prog)
        return given
    if values.genotype:
        kinds.find_network(values.genotype)
    data = said.get("task.train_data.tfds_name") or said.get("task.train_data.input_path")
    about = {"of": values.genotype, "on": data, "in": values.model_dir}
    _begin(" ".join([f"a {_NETWORKS[prog]}", *(f"{k} {v}" for k, v in about.items() if v)]))
    return {**given, "experiment": values.experiment, "genotype": values.genotype}


def begin(prog: str) -> None:
    """Says what is done with a run that there is.

    Args:
        prog: name of the program.

    Raises:
        UserError: there is none.
    """
    folder = flags.FLAGS.model_dir
    stages.require_run(folder, prog)
    _begin(f"the {_NETWORKS[prog]} in {folder}")


def _begin(what: str) -> None:
    command_line.begin(f"{_DOES[flags.FLAGS.mode]} {what}")


def formats(known: Sequence[str]) -> list[str]:
    """The flag `--formats`.

    Args:
        known: those that there are.

    Raises:
        UserError: one is none of them.
    """
    for name in flags.FLAGS.formats:
        require_known("--formats", name, known)
    return flags.FLAGS.formats


def counted(counts: Mapping[str, Any]) -> Iterator[str]:
    """The lines of a summary, which is written to `--output`, too.

    Args:
        counts: what is summed up, by name: names of units end in `_bytes` or `_seconds`.
    """
    for name, value in counts.items():
        shown = f"{value:,}" if isinstance(value, int) else value
        if name.endswith("_bytes"):
            shown = f"{value / 2**20:,.1f} MiB (estimate)"
        elif name.endswith("_seconds"):
            shown = f"{value:.3f} s" + (" (estimate)" if name == "step_seconds" else "")
        yield f"{name.replace('_', ' '):24} {shown}"
    if flags.FLAGS.output:
        write_json(flags.FLAGS.output, counts)


def is_of_run() -> bool:
    """Whether what is summed up is the run in `--model_dir`, and not a new one."""
    values = flags.FLAGS
    return bool(values.model_dir) and not (values.config_file or values.experiment)
