"""What the four command lines share: help that answers at once, errors in one sentence."""

from __future__ import annotations

import contextlib
import logging as python_logging
import os
import pathlib
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from absl import app, flags, logging

from cells.support import registry, signals
from cells.support.errors import UserError, printable, told_errors
from cells.support.files import path_text
from cells.support.version import __version__

# Flags that functions here define belong to the command line that calls them, and so to its help.
flags.disclaim_key_flags()

IMPORT_HELP = (
    "Modules of one's own that register strategies, evaluators or operations, such as "
    "my_module; looked for in the current folder, too."
)

DATA_DIR_HELP = (
    "Folder of prepared TFDS sets; by default the environment variable CELLS_DATA_DIR, else "
    "TFDS's own."
)

_HELP = ("--help", "-help", "-h", "--helpfull", "--helpshort")


def run(main: Callable[[Sequence[str]], object], *, module: str, prog: str | None = None) -> None:
    """Parses absl flags and runs `main`; never returns.

    Flags and arguments may be mixed. `--help` prints the docstring and the flags of `module`
    without importing anything else, `--version` the version. Errors are told as `told_errors` does.

    Args:
        main: called with the program's name and the arguments that are not flags.
        module: the name of the module that defines the flags, and says in its docstring what the
            program does, with examples.
        prog: name of the program in messages; the script's name by default.
    """
    prog = prog or os.path.basename(sys.argv[0])
    # Before TensorFlow is imported: its start-up notes are not what people want to read.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if any(argument in _HELP for argument in sys.argv[1:]):
        text = (sys.modules[module].__doc__ or "").strip()
        print(f"{text}\n\nflags:\n{flags.FLAGS.module_help(module)}")
        sys.exit(0)
    if "--version" in sys.argv[1:]:
        print(f"{prog} {__version__}")
        sys.exit(0)
    flags.FLAGS.set_gnu_getopt(True)

    def guarded(argv: Sequence[str]) -> None:
        with told_errors(prog):
            _spell_out_homes(module)
            registry.import_modules(flags.FLAGS["import"].value if "import" in flags.FLAGS else ())
            main(argv)

    def parse(argv: Sequence[str]) -> list[str]:
        try:
            return flags.FLAGS(argv)
        except flags.Error as error:
            with told_errors(prog):
                raise UserError(f"{str(error).strip()}; see {prog} --help") from None

    app.run(guarded, flags_parser=parse)


def _spell_out_homes(module: str) -> None:
    """Spells out the `~` that flags begin with: shells leave it as it is behind a `=`."""

    def spelled_out(value: Any) -> Any:
        if isinstance(value, list):
            return [spelled_out(each) for each in value]
        return path_text(value) if isinstance(value, str) else value

    for flag in flags.FLAGS.get_key_flags_for_module(module):
        flag.value = spelled_out(flag.value)


def define_settings_flags() -> None:
    """Defines the flags by which every stage takes settings, as Model Garden does."""
    flags.DEFINE_multi_string(
        "config_file",
        [],
        "YAML file of settings, one's own or one that comes with this; may be given repeatedly.",
    )
    flags.DEFINE_string(
        "params_override",
        None,
        "Settings: a.b=1,c=2, YAML text, or a YAML file.",
        allow_overwrite=False,  # Of two, absl would drop the first.
    )
    flags.DEFINE_list("import", [], IMPORT_HELP)


def define_run_flags(modes: Sequence[str], experiment: str) -> None:
    """Defines the flags of a stage that trains: its modes, settings, folder, genotype and data.

    Args:
        modes: what it can do.
        experiment: help of `--experiment`.
    """
    flags.DEFINE_enum("mode", None, modes, "What to do.")
    flags.DEFINE_string("experiment", None, experiment)
    define_settings_flags()
    flags.DEFINE_string("model_dir", None, "Folder of the run: checkpoints and configuration.")
    flags.DEFINE_string("genotype", None, "Genotype file, or name of the catalogue.")
    flags.DEFINE_string("data_dir", os.environ.get("CELLS_DATA_DIR"), DATA_DIR_HELP)


def hush(prog: str) -> None:
    """Keeps what concerns developers of the libraries from the screen; `--verbosity` shows it.

    TFDS and Model Garden tell all that they read, TensorFlow warns of every child that its
    functions are traced anew. Warnings of this project are lines of the program, without absl's
    `W1129 ... :47]`, and those of the libraries are left out.

    Args:
        prog: name of the program.
    """
    if not flags.FLAGS["verbosity"].present:
        warn_as(prog)
        logging.set_verbosity(logging.WARNING)
        python_logging.getLogger("tensorflow").setLevel(python_logging.ERROR)


def begin(what: str) -> None:
    """Says what a program begins to do, before it imports TensorFlow, which takes seconds.

    Args:
        what: that it does, such as `searches in runs/digits`.
    """
    print(f"{printable(what)}; TensorFlow is being loaded", flush=True)


def warn_as(prog: str) -> None:
    """Has warnings of this project be lines of a program, and leaves those of libraries out.

    Args:
        prog: name of the program; "": as it is.
    """
    global _prog
    if prog:
        _prog = prog
        logging.use_absl_handler()
        handler = logging.get_absl_handler()
        handler.setFormatter(python_logging.Formatter(f"{prog}: %(message)s"))
        handler.addFilter(_is_ours)


def warns_as() -> str:
    """The program whose lines warnings are; "" where they are not."""
    return _prog


_prog = ""


def _is_ours(record: python_logging.LogRecord) -> bool:
    """Whether a message is of this project, or too serious to be left out."""
    return record.levelno >= python_logging.ERROR or record.pathname.startswith(_OURS)


#: Where the code of this project lies, which may be a folder with others beside it.
_OURS = tuple(
    os.path.join(pathlib.Path(__file__).parents[2], package, "")
    for package in ("cells", "cell_search", "transfer", "detection", "auto")
)


#: Reads what is left out; shows the last of it where no end is told, as before an abort.
_KEEPER = f"""
import collections, sys
last = collections.deque(maxlen=20)
for line in sys.stdin.buffer:
    if line == {signals.END!r}:
        break
    last.append(line)
else:
    sys.stderr.buffer.writelines(last)
"""


@contextlib.contextmanager
def without_libraries() -> Iterator[None]:
    """Leaves out what libraries write to standard error in a `with` block: warnings, C++'s notes.

    TensorFlow's converters write past Python, and no level of theirs ends that. What Python writes
    is seen as before; so are the last lines of a process that dies, which say why C++ ended it.
    """
    screen, handler = os.dup(2), logging.get_absl_handler().python_handler
    stream, before = handler.stream, sys.stderr
    try:
        ours = before.fileno() == 2
    except (OSError, ValueError):  # A test, or a notebook, has put something else there.
        ours = False
    # In a session of its own, where it hears no Ctrl-C.
    with (
        open(screen, "w", buffering=1) as people,
        subprocess.Popen(
            [sys.executable, "-ISc", _KEEPER],
            stdin=subprocess.PIPE,
            stderr=people,
            start_new_session=True,
        ) as keeper,
    ):
        assert keeper.stdin is not None
        try:
            signals.errors = screen
            if ours:
                sys.stderr = people
                handler.setStream(people)
            os.dup2(keeper.stdin.fileno(), 2)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                yield
        finally:
            signals.end_left_out()
            os.dup2(screen, 2)
            sys.stderr, signals.errors = before, 2
            handler.setStream(stream)


def required(name: str) -> str:
    """The value of a flag that this mode cannot do without.

    Raises:
        UserError: the flag is not given; names it.
    """
    value = flags.FLAGS[name].value
    if value in (None, "", []):
        raise UserError(f"--{name}: is needed here; see --help")
    return value
