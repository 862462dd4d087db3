"""cell-search: searches a Normal and a Reduction cell on small images.

  A first search, on the handwritten digits that come with this project (2 minutes):
    cell-search --search_dir=runs/digits --config_file=configs/search/digits_demo.yaml
  The same command again goes on where it was stopped or killed. More trials:
    cell-search --search_dir=runs/digits --params_override=trials=20
  On CIFAR-10 prepared by TFDS in DIR (6 minutes on 2 cores):
    cell-search --search_dir=runs/cifar10 --data_dir=DIR \\
      --config_file=configs/search/cifar10_smoke.yaml
  A sieve of 200 cells, short trainings of 32, a longer one of the best 6 (19 minutes on a core):
    cell-search --search_dir=runs/afternoon --data_dir=DIR \\
      --config_file=configs/search/cifar10_afternoon.yaml
    cell-search --mode=rerank --search_dir=runs/afternoon --data_dir=DIR
  On any other set of labelled images that TFDS knows, or that lies prepared in a folder:
    cell-search --search_dir=runs/mine --data_dir=data \\
      --config_file=configs/search/cifar10_smoke.yaml \\
      --params_override=images.name=my_set,images.split=train,images.held_out=500,images.size=32
  On image files, CLASS/* or SPLIT/CLASS/* (see `cells docs data`):
    cell-search --search_dir=runs/flowers --config_file=configs/search/cifar10_smoke.yaml \\
      --params_override=images.name=./flowers,images.split=train,images.held_out=500,images.size=32
  On a benchmark table (seconds), or on a table of your own:
    cell-search --search_dir=runs/nb201 --data_dir=DIR \\
      --config_file=configs/search/nas_bench_201.yaml
    cell-search --search_dir=runs/table --table=table.csv --space=space.json
  Another strategy or another space, everything else the same:
    cell-search --search_dir=runs/random --config_file=configs/search/digits_demo.yaml \\
      --params_override=strategy.type=random,space.name=pnas
  Then decide between the best by a longer training, three times each:
    cell-search --mode=rerank --search_dir=runs/cifar10 --top_k=5 \\
      --params_override=rerank.seeds=3,rerank.evaluator.train.epochs=20

Then train the winner:
    cell-transfer --mode=train_and_eval --config_file=runs/digits/train.yaml --model_dir=runs/won

Modes:
  search  searches; goes on with what --search_dir holds
  rerank  trains the best --top_k again, longer and larger (section rerank), and puts them in the
          order of that; genotype.json, top/ and train.yaml follow it, rerank.json says how well
          the search's scores foretold it. Goes on where it was stopped or killed
  export  writes genotype.json, top/ and train.yaml from the trials so far
  report  writes report.html from the trials so far, also while a search is running
  replay  proposes every trial once more from the record of arrivals, and says whether each is
          equal; ends with 1 where one is not
  repair  keeps the records before the first damaged one of study.journal; the file as it was
          stays beside it
  costs   measures for some minutes what pieces of networks cost on this machine, and writes the
          table --costs, by which a search can limit, compare and equalise what candidates cost

--search_dir holds everything: study.journal (all trials, an Optuna study; `optuna-dashboard
DIR/study.journal` opens it), config.yaml, genotype.json (the best), top/NN.json, train.yaml,
report.html, rerank.json and tensorboard/. The configuration is: that of the directory or each
--config_file, then --params_override, then the other flags. `cells docs search` explains all
settings.
"""

# TensorFlow is imported only once there is work.
from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

from absl import flags

from cells import shipped
from cells.checks import stages
from cells.support import command_line
from cells.support.errors import Stopped, UserError
from cells.support.signals import Interruptible, Interruption

MODES = ("search", "rerank", "export", "report", "replay", "repair", "costs")


def main() -> None:
    """Runs the command line; never returns."""
    _define_flags()
    command_line.run(_main, module=__name__, prog="cell-search")


def _define_flags() -> None:
    # Not at import: the other command lines have flags of the same names.
    flags.DEFINE_enum("mode", "search", MODES, "What to do.")
    flags.DEFINE_string("search_dir", None, "Folder of the search: study, genotypes, report.")
    command_line.define_settings_flags()
    flags.DEFINE_string(
        "table", None, "CSV file that scores are looked up in; `cells docs tables`."
    )
    flags.DEFINE_string(
        "space", None, "JSON file of the space that is searched; `cells docs tables`."
    )
    flags.DEFINE_string(
        "costs", None, "JSON file with the times of this machine; `cells docs costs`."
    )
    flags.DEFINE_enum(
        "precision",
        "float32",
        ("float32", "mixed_bfloat16"),
        "In which --mode=costs measures convolutions.",
    )
    flags.DEFINE_integer("top_k", None, "How many of the best --mode=rerank trains again.")
    flags.DEFINE_string("data_dir", None, command_line.DATA_DIR_HELP)
    flags.DEFINE_bool(
        "takeover", False, "Go on with a search that another process is at work on, and end it."
    )
    flags.DEFINE_integer("seed", None, "Seed of everything random; the same as seed in YAML.")


def _main(argv: Sequence[str]) -> None:
    if len(argv) > 1:
        raise UserError(f"{argv[1]!r}: is not a known argument; see cell-search --help")
    mode = flags.FLAGS.mode
    command_line.hush("cell-search")
    if mode == "costs":
        _measure()
        return
    folder = command_line.required("search_dir")
    if flags.FLAGS.top_k is not None and mode != "rerank":
        raise UserError(f"--top_k: means nothing to --mode={mode}; top says how many are written")
    # What is found without TensorFlow, whose import takes seconds.
    shipped.read_settings(flags.FLAGS.config_file, flags.FLAGS.params_override, "search")
    stages.require_own("search_dir", folder, stages.SEARCH)
    if mode != "search":
        from cell_search.study.directory import SearchDirectory

        SearchDirectory(folder).require_begun()
    does = {"search": "searches", "rerank": "trains the best again"}
    if mode in does:
        command_line.begin(f"{does[mode]} in {folder}")
    {
        "search": lambda: _interruptibly(_search_until),
        "rerank": lambda: _interruptibly(_rerank_until),
        "export": _export,
        "report": _report,
        "replay": _replay,
        "repair": _repair,
    }[mode]()


def _interruptibly(call: Callable[[Any], Any]) -> None:
    import cell_search.api  # noqa: F401  Which takes a while, and may be left at any moment.

    with Interruptible().listening() as interruptible:
        try:
            result = call(interruptible)
            print("\n".join((result.summary, *result.paths)))
        except Interruption as stop:
            raise Stopped(stop.signum, "with every finished trial kept") from None


def _asked() -> dict[str, Any]:
    """What the flags say of the configuration."""
    values = flags.FLAGS
    settings: dict[str, Any] = {}
    if values.table is not None:
        file = {"file": os.path.abspath(values.table)}
        settings["evaluator"] = {"type": "table", "table": file}
    if values.space is not None:
        settings["space"] = {"file": os.path.abspath(values.space)}
    if values.costs is not None:
        settings["costs"] = {"file": os.path.abspath(values.costs)}
    if values.seed is not None:
        settings["seed"] = values.seed
    if values.top_k is not None:
        settings["rerank"] = {"top_k": values.top_k}
    if values.data_dir is not None:
        settings["images"] = {"data_dir": values.data_dir}
    return {
        "config": values.config_file,
        "settings": settings,
        "params_override": values.params_override,
    }


def _search_until(interruptible: Any) -> Any:
    from cell_search import api

    return api.search(
        directory=flags.FLAGS.search_dir,
        takeover=flags.FLAGS.takeover,
        interruptible=interruptible,
        **_asked(),
    )


def _rerank_until(interruptible: Any) -> Any:
    from cell_search import api

    return api.rerank(
        flags.FLAGS.search_dir,
        takeover=flags.FLAGS.takeover,
        interruptible=interruptible,
        **_asked(),
    )


def _measure() -> None:
    command_line.required("costs")

    from cell_search.costs import command

    for line in command.make(flags.FLAGS.costs, flags.FLAGS.precision):
        print(line, flush=True)


def _export() -> None:
    found = _opened()

    from cell_search.output import results

    print("\n".join(results.write(found.studies, found.resolved, found.study)))


def _report() -> None:
    found = _opened()

    from cell_search.output import report

    print(report.write(found.studies, found.resolved, found.study))


def _replay() -> None:
    found = _opened(strict=True)

    from cell_search.driver import replay

    replayed = []
    for trial in replay.replay(found.resolved, found.study):
        print(f"trial {trial.number}  {trial.difference or 'equal'}", flush=True)
        replayed.append(trial)
    different = [trial for trial in replayed if trial.difference]
    print(f"{len(replayed) - len(different)} of {len(replayed)} proposals are equal")
    if different:
        first = different[0]
        print(
            f"cell-search: the first difference is trial {first.number}: {first.difference}",
            file=sys.stderr,
        )
        sys.exit(1)


def _repair() -> None:
    from cell_search.study.directory import SearchDirectory

    directory = SearchDirectory(flags.FLAGS.search_dir)
    with directory.locked(flags.FLAGS.takeover):
        print(directory.repair())


def _opened(*, strict: bool = False) -> Any:
    from cell_search import api

    return api.open_search(flags.FLAGS.search_dir, strict=strict, **_asked())
