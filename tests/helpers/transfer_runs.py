"""A short run on the embedded digits, which many tests of the second stage look at."""

from __future__ import annotations

import os
import pathlib
import socket
import subprocess

from forked_commands import run_forked

from transfer.config import configure

#: One block a cell: what is tested here is not the network.
TINY = str(pathlib.Path(__file__).parents[1] / "transfer" / "tiny.json")

#: A convolution a cell, for what any network does.
LIGHT = str(pathlib.Path(__file__).parents[1] / "transfer" / "light.json")

STEPS = 60
SETTINGS = f"""
task:
  seed: 1
  model:
    auxiliary_head: true
    cells: {{network: cifar, normal_cells: 1, filters: 16, drop_path_keep: 0.9}}
  train_data: {{tfds_name: digits, aug_shift: 0, aug_rand_hflip: false, shuffle_buffer_size: 1437,
               global_batch_size: 32}}
  validation_data: {{tfds_name: digits, global_batch_size: 180}}
trainer:
  train_steps: {STEPS}
  steps_per_loop: 20
  summary_interval: 20
  checkpoint_interval: 20
  validation_interval: {STEPS}
  best_checkpoint_export_subdir: best
  best_checkpoint_eval_metric: accuracy
  optimizer_config:
    ema: {{average_decay: 0.9}}
    learning_rate: {{cosine: {{initial_learning_rate: 0.1}}}}
"""


def params(digits_dir, override: str | None = None, genotype: str | None = None):
    base = configure.configure(configure.experiment(), override=SETTINGS)
    return configure.configure(
        base, override=override, genotype=genotype or TINY, data_dir=str(digits_dir)
    )


def training(
    folder: pathlib.Path, digits_dir: pathlib.Path, override: str, genotype: str = TINY
) -> list[str]:
    """Flags of `cell-transfer` that train into `folder / "model"`, with `override` last."""
    files = [folder / "base.yaml", folder / "override.yaml"]
    for file, text in zip(files, (SETTINGS, override), strict=True):
        file.write_text(text)
    return [
        "--mode=train",
        *(f"--config_file={file}" for file in files),
        f"--genotype={genotype}",
        f"--model_dir={folder / 'model'}",
        f"--data_dir={digits_dir}",
    ]


def command(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs `cell-transfer` in a process of its own, with further variables of the environment."""
    return run_forked("transfer", *arguments, environment={**os.environ, **environment})


def free_addresses(count: int) -> list[str]:
    """Addresses on this machine at which nobody listens now."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("localhost", 0))
    addresses = [f"localhost:{each.getsockname()[1]}" for each in sockets]
    for each in sockets:
        each.close()
    return addresses
