"""The configuration of a new detector, or of a trained one, with what overrides it."""

from __future__ import annotations

import functools

<<<<<<< HEAD
=======
from official.core import config_definitions

from cells.genotype.genotype import Genotype
from cells.support.files import FilePath, FilePaths, as_paths, path_text
>>>>>>> faults
from detection.config import experiments
from transfer.runs import configuration

<<<<<<< HEAD
#: `transfer.runs.configuration.read_params` for the experiments of this stage.
read_params = functools.partial(
    configuration.read_params, known=experiments.NAMES, of_run=experiments.of_model_dir
)
=======

def read_params(
    model_dir: FilePath | None = None,
    *,
    experiment: str | config_definitions.ExperimentConfig | None = None,
    config_file: FilePaths = (),
    params_override: str | Mapping[str, Any] | None = None,
    genotype: Genotype | FilePath | None = None,
    data_dir: FilePath | None = None,
) -> config_definitions.ExperimentConfig:
    """A configuration, overridden.

    Args:
        model_dir: folder of a run, whose configuration is overridden; None for that of an
            experiment.
        experiment: its name, or the configuration itself; by default the one that the files name,
            else `cells_retinanet`.
        config_file: YAML file or files, applied in order.
        params_override: applied after the files: nested settings, or text as the flag of that name
            takes it.
        genotype: the cells, a name of the catalogue, or a file; applied last.
        data_dir: folder of prepared TFDS sets.

    Raises:
        UserError: there is no such run, experiment or file, or a key does not exist; says where.
    """
    files = as_paths(config_file)
    if model_dir is not None:
        base = experiments.of_model_dir(path_text(model_dir))
    elif experiment is None or isinstance(experiment, str):
        name = configure.experiment_of(files, experiment) or experiments.NAMES[0]
        base = configure.experiment(name, experiments.NAMES)
    else:
        base = copy.deepcopy(experiment)
    return configure.configure(
        base,
        files=files,
        override=params_override,
        genotype=os.fspath(genotype) if isinstance(genotype, os.PathLike) else genotype,
        data_dir=os.fspath(data_dir) if data_dir else None,
    )
>>>>>>> faults
