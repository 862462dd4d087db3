"""The configuration of a new run, or of one that there is, with what overrides it."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from official.core.config_definitions import ExperimentConfig

from cells import shipped
from cells.kinds.files import ImageGenotype
from cells.support.files import FilePath, FilePaths, as_paths, path_text
from transfer.config import configure, experiments
from transfer.runs import model_dir as runs


def read_params(
    model_dir: FilePath | None = None,
    *,
    genotype: ImageGenotype | FilePath | None = None,
    experiment: str | ExperimentConfig | None = None,
    config_file: FilePaths = (),
    params_override: str | Mapping[str, Any] | None = None,
    data_dir: FilePath | None = None,
    stage: str = "transfer",
    known: Sequence[str] = experiments.NAMES,
    of_run: Callable[[str], ExperimentConfig] = runs.read_params,
) -> ExperimentConfig:
    """A configuration, overridden.

    Args:
        model_dir: folder of a run, whose configuration is overridden; None for that of an
            experiment.
        genotype: the cells, a whole network, a name of the catalogue, or a file; applied last.
        experiment: its name, or the configuration itself; by default the one that the files name,
            else the first of `known`.
        config_file: YAML file or files, applied in order; also by the names of those that come with
            this (`cells.shipped`).
        params_override: applied after the files: nested settings, or text as the flag of that name
            takes it.
        data_dir: folder of prepared TFDS sets.
        stage: whose short names of configurations are known.
        known: the experiments of the stage, which has registered them.
        of_run: reads the configuration of a run of the stage.

    Raises:
        UserError: there is no such run, experiment or file, or a key does not exist; says where.
    """
    files = [shipped.configuration(file, stage) for file in as_paths(config_file)]
    if model_dir is not None:
        base = of_run(path_text(model_dir))
    elif experiment is None or isinstance(experiment, str):
        base = configure.experiment(configure.experiment_of(files, experiment) or known[0], known)
    else:
        base = copy.deepcopy(experiment)
    return configure.configure(
        base,
        files=files,
        override=params_override,
        genotype=os.fspath(genotype) if isinstance(genotype, os.PathLike) else genotype,
        data_dir=os.fspath(data_dir) if data_dir else None,
    )
