"""How fast a configuration would train: a short measurement."""

from __future__ import annotations

import time
from typing import Any


def measure(params: Any, *, most: int = 8, steps: int = 3) -> dict[str, Any]:
    """Times training steps on random images, with the network, the loss and its precision.

    Args:
        params: a configuration that `summary` has completed.
        most: images of a measured step at most; time is taken to grow with their number.
        steps: how many are timed, behind one that builds the graph; the fastest counts.

    Returns:
        `measured_batch`, `measured_seconds` of a step with it, `device`, and `step_seconds`: the
        estimate for the whole batch on this one device.
    """
    import tensorflow as tf
    import tf_keras
    from official.modeling import performance

    from transfer.training.task import ClassificationTask

    performance.set_mixed_precision_policy(params.runtime.mixed_precision_dtype or "float32")
    task_config = params.task.replace(init_checkpoint="")
    task_config.model.cells.drop_path_steps = 1
    task = ClassificationTask(task_config)
    model = task.build_model()
    optimizer = tf_keras.optimizers.legacy.SGD(0.0)
    batch = params.task.train_data.global_batch_size
    images = tf.random.uniform([min(batch, most), *params.task.model.input_size], -1.0, 1.0)
    labels = tf.zeros([len(images)], tf.int32)
    step = tf.function(
        lambda: task.train_step((images, labels), model, optimizer)["loss"], autograph=False
    )
    times = []
    for _ in range(1 + steps):
        begin = time.perf_counter()
        step().numpy()
        times.append(time.perf_counter() - begin)
    seconds = min(times[1:])
    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    return {
        "device": devices[0].name.removeprefix("/device:"),
        "measured_batch": len(images),
        "measured_seconds": seconds,
        "step_seconds": seconds * batch / len(images),
    }
