"""The machine in use, as far as times depend on it."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass, fields

#: The environment variable that names the cost table where none is named.
VARIABLE = "CELLS_COSTS"


@dataclass(frozen=True)
class Machine:
    """A machine as TensorFlow uses it here.

    Attributes:
        processor: its model.
        cores: how many.
        threads: of one operation.
        tensorflow: the version.
        onednn: whether its kernels are used.
        device: `cpu`, or the model of the GPU that children are trained on.
        precision: of convolutions, `float32` or `mixed_bfloat16`.
    """

    processor: str
    cores: int
    threads: int
    tensorflow: str
    onednn: bool
    device: str
    precision: str = "float32"

    def differences(self, other: Machine) -> list[str]:
        """What another machine has instead.

        Args:
            other: the other machine.

        Returns:
            Such as `cores 2 instead of 4`; nothing for equal machines.
        """
        return [
            f"{f.name} {getattr(other, f.name)} instead of {getattr(self, f.name)}"
            for f in fields(self)
            if getattr(self, f.name) != getattr(other, f.name)
        ]


def this_machine(precision: str = "") -> Machine:
    """The machine that this process runs on, with its settings of TensorFlow.

    Args:
        precision: in which trainings will compute; empty: what is in use now.
    """
    import tensorflow as tf

    from cell_search.children.precision import in_use

    gpus = tf.config.list_physical_devices("GPU")
    details = tf.config.experimental.get_device_details(gpus[0]) if gpus else {}
    cores = len(os.sched_getaffinity(0))
    return Machine(
        processor=_processor(),
        cores=cores,
        threads=tf.config.threading.get_intra_op_parallelism_threads() or cores,
        tensorflow=tf.__version__,
        # TensorFlow's own default; it has no public function that tells.
        onednn=os.environ.get("TF_ENABLE_ONEDNN_OPTS", "1") != "0",
        device=details.get("device_name", "gpu") if gpus else "cpu",
        precision=precision or in_use(),
    )


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            for line in file:
                name, _, value = line.partition(":")
                if name.strip() == "model name":
                    return value.strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
