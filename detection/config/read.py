"""The configuration of a new detector, or of a trained one, with what overrides it."""

from __future__ import annotations

import functools

from detection.config import experiments
from transfer.runs import configuration

#: `transfer.runs.configuration.read_params` for the experiments of this stage.
read_params = functools.partial(
    configuration.read_params,
    stage="detection",
    known=experiments.NAMES,
    of_run=experiments.of_model_dir,
)
