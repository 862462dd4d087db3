"""The folder of a run: what beside the checkpoints makes it complete by itself.

`params.yaml` (the resolved configuration), `genotype.json` (the cells) and `classes.json` (names
of the classes). It can be moved: its genotype is found relative to it.
"""

from __future__ import annotations

import copy
import json
import os
import random
import re
from typing import Any

from cells.checks import stages
from cells.checks.stages import PARAMS
from cells.kinds import files as kinds
from cells.kinds.files import ImageGenotype
from cells.support import files, json_file, yaml_file
from cells.support.errors import UserError, about
from cells.support.files import write_atomically, write_json
from cells.support.overrides import read_yaml
from cells.support.settings_differences import flat, in_words, settings_differences
from transfer.config import configure
from transfer.config.cells_backbone import CellStack, cells_of

_LINES = re.compile(r"# (\d{1,9}) lines follow\.")
_MAX_PARAMS_BYTES = 1 << 20
GENOTYPE = "genotype.json"
CLASSES = "classes.json"

#: A million names of sixty letters.
_MAX_CLASSES_BYTES = 64_000_000

#: Settings that a run may be continued with although they differ: how long, how often it is
#: looked at, and what follows from these; where it runs; where its data lies.
_MAY_DIFFER = (
    "runtime.",
    "task.evaluation.",
    "task.init_checkpoint",
    "task.model.backbone.cells.drop_path_steps",
    "task.model.backbone.cells.genotype",
    "task.model.cells.drop_path_steps",
    "task.model.cells.genotype",
    "task.train_data.autotune_algorithm",
    "task.train_data.cache",
    "task.train_data.cycle_length",
    "task.train_data.input_path",
    "task.train_data.prefetch_buffer_size",
    "task.train_data.ram_budget",
    "task.train_data.shuffle_buffer_size",
    "task.train_data.tfds_data_dir",
    "task.validation_data.",
    "trainer.best_checkpoint",
    "trainer.checkpoint_interval",
    "trainer.max_to_keep",
    "trainer.optimizer_config.learning_rate.cosine.decay_steps",
    "trainer.steps_per_loop",
    "trainer.summary_interval",
    "trainer.train_steps",
    "trainer.validation_",
)

_SEEDS = ("task.seed", "task.train_data.seed")


def prepare(folder: str, params: Any, class_names: tuple[str, ...], *, write: bool = True) -> None:
    """Makes the folder of a run, or checks that it is this run's; then writes what it holds.

    Afterwards the configuration's genotype is the folder's own copy.

    Args:
        folder: `--model_dir`.
        params: the resolved configuration.
        class_names: names of the classes, in the order of the labels.
        write: false for workers that leave the writing to the chief.

    Raises:
        UserError: the folder is that of another run, says what differs; or cannot be written.
    """
    settings = cells_of(params)
    cells = settings.load_genotype()
    if files.exists(os.path.join(folder, PARAMS)):
        _check_same(folder, params, cells, class_names)
    elif files.exists(os.path.join(folder, "checkpoint")):
        raise UserError(
            f"--model_dir: {folder} holds checkpoints but no {PARAMS}, so it was made by "
            "something else; give another folder"
        )
    if not write:
        return
    kinds.write(cells, os.path.join(folder, GENOTYPE))
    write_json(os.path.join(folder, CLASSES), list(class_names))
    settings.carry(cells, GENOTYPE)
    text = yaml_file.dumps(_plain(params))
    write_atomically(os.path.join(folder, PARAMS), (_counted(text) + text).encode())
    settings.carry(cells, os.path.join(folder, GENOTYPE))


def settle_seeds(folder: str, params: Any, *, several: bool) -> None:
    """Gives a run that names no seeds those that it began with, so that it goes on in its order.

    Args:
        folder: `--model_dir`.
        params: the configuration; `task.seed` and `task.train_data.seed` are completed.
        several: whether workers have to draw the same: then new seeds are 0, else random.
    """
    begun = files.exists(os.path.join(folder, PARAMS))
    old = read_params(folder, copy.deepcopy(params)).task if begun else params.task
    for now, then in ((params.task, old), (params.task.train_data, old.train_data)):
        if now.seed is None:
            now.seed = 0 if several else random.getrandbits(31)
            if then.seed is not None:
                now.seed = then.seed


def read_params(folder: str, base: Any = None) -> Any:
    """The configuration of a run, with the genotype that lies beside it.

    Its devices are all those of this machine, in one process: what trained on 8 GPUs of several
    machines is looked at wherever the folder is. Nothing is compiled as a whole, since evaluations
    are short.

    Args:
        folder: `model_dir` of the run.
        base: an experiment of its kind, which is overridden in place; by default one of
            classification.

    Raises:
        UserError: this is not the folder of a run, or its configuration is damaged.
    """
    path = os.path.join(folder, PARAMS)
    base = base or configure.experiment()
    stages.require_run(folder, stages.of_training(base.as_dict()))
    _require_whole(path)
    if not isinstance(read_yaml(path).get("task"), dict):
        raise UserError(f"{path}: is damaged, since it has no `task`; put it back, or train again")
    params = configure.configure(base, files=[path])
    runtime = params.runtime
    if runtime.distribution_strategy in ("multi_worker_mirrored", "parameter_server"):
        runtime.distribution_strategy = "mirrored"
    runtime.num_gpus, runtime.enable_xla = -1, False
    return params


def _counted(text: str) -> str:
    """The first line of a file, which says how many follow: half of YAML is YAML, too."""
    return f"# {text.count(chr(10))} lines follow.\n"


def _require_whole(path: str) -> None:
    """Raises a UserError where a file is shorter than its first line says; older ones do not."""
    text = files.read_text(path, "configuration", _MAX_PARAMS_BYTES)
    first, _, rest = text.partition("\n")
    counted = _LINES.fullmatch(first)
    if counted and rest.count("\n") < int(counted[1]):
        raise UserError(
            f"{path}: is cut: {rest.count(chr(10))} of its {counted[1]} lines are left; put it "
            "back, or train again in another folder"
        )


def class_names(folder: str) -> list[str]:
    """The names of the classes, in the order of the labels.

    Raises:
        UserError: the file is missing or damaged.
    """
    path = os.path.join(folder, CLASSES)
    with about(path, "put the file of this run back, or train again"):
        names = json_file.loads(files.read(path, "class", _MAX_CLASSES_BYTES), "list of classes")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise UserError(f"{path}: is not a list of names of classes; train again")
    return names


def genotype(folder: str) -> ImageGenotype:
    """The cells of a run.

    Raises:
        UserError: the file is missing or damaged.
    """
    return kinds.image_genotype(kinds.read(os.path.join(folder, GENOTYPE)))


def check_genotype(folder: str, given: CellStack | str) -> None:
    """Raises a UserError where a run's cells are others than those of a configuration or a file."""
    given = CellStack(genotype=given) if isinstance(given, str) else given
    own, other = genotype(folder), given.load_genotype()
    if not kinds.same(own, other):
        raise UserError(
            f"the genotype {other.name} ({given.genotype}) has other cells than {own.name}, "
            f"with which {folder} was trained, so its weights do not fit; give that genotype, or "
            "none"
        )


def _check_same(folder: str, params: Any, genotype: ImageGenotype, names: tuple[str, ...]) -> None:
    old = read_params(folder, copy.deepcopy(params))
    differences = []
    if cells_of(old).load_genotype() != genotype:
        differences.append("the genotype")
    if files.exists(os.path.join(folder, CLASSES)) and class_names(folder) != list(names):
        differences.append("the names of the classes")
    before = flat(old.as_dict())

    def free(key: str) -> bool:
        # A run that has not kept its seeds can only go on with others.
        return key.startswith(_MAY_DIFFER) or (key in _SEEDS and before.get(key) is None)

    differences += settings_differences(params.as_dict(), before, free=free)
    if differences:
        raise UserError(
            f"--model_dir: {folder} is of a run with other settings: "
            f"{in_words(differences)}; give another folder, or the same settings"
        )


def _plain(params: Any) -> dict[str, Any]:
    """JSON values only: no tuples, which YAML would write as Python objects."""
    return json.loads(json.dumps(params.as_dict()))
