"""The devices that train: Model Garden's strategies, and what their workers have to agree on."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any, NoReturn

import tensorflow as tf
from official.common import distribute_utils

from cells.support.errors import UserError, first_line

_ABORTED = re.compile(r"Collective ops is aborted by: (.*)")
_LOST = (
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.UnavailableError,
)


def strategy(runtime: Any) -> tf.distribute.Strategy:
    """The strategy that a configuration names.

    `mirrored` on a machine without GPUs takes all logical CPUs; there is one unless TensorFlow
    was told otherwise.

    Args:
        runtime: resolved, see `transfer.training.complete.resolve_runtime`.

    Raises:
        UserError: the devices are not there, or a setting is impossible.
    """
    name = runtime.distribution_strategy
    if runtime.enable_xla and not runtime.num_gpus and name not in ("one_device", "tpu"):
        raise UserError(
            f"runtime.enable_xla: {name} is compiled on GPUs only, and none is used; set "
            "runtime.distribution_strategy=one_device, or enable_xla=false"
        )
    if name == "mirrored" and not runtime.num_gpus:
        return tf.distribute.MirroredStrategy(
            [device.name for device in tf.config.list_logical_devices("CPU")]
        )
    try:
        return distribute_utils.get_distribution_strategy(
            distribution_strategy=name,
            all_reduce_alg=runtime.all_reduce_alg,
            num_gpus=runtime.num_gpus,
            num_packs=runtime.num_packs,
            tpu_address=runtime.tpu,
        )
    except (ValueError, RuntimeError, OSError, tf.errors.OpError) as error:
        why = first_line(error)
        if name != "tpu":
            raise UserError(f"runtime.distribution_strategy: {name} is impossible: {why}") from None
        raise UserError(
            f"runtime.tpu: no TPU answers to {runtime.tpu or ''!r} ({why}); give the name or the "
            "grpc:// address of one, local on its own machine, or another "
            "runtime.distribution_strategy"
        ) from None


def check_mode(runtime: Any, mode: str) -> None:
    """Raises a UserError where the strategy cannot do what the mode asks for."""
    if runtime.distribution_strategy == "parameter_server" and mode != "train":
        raise UserError(
            "runtime.distribution_strategy: parameter_server trains and does not evaluate; train "
            "without evaluation, and evaluate beside or after it, without TF_CONFIG"
        )


def serve() -> NoReturn:
    """Does what the chief of TF_CONFIG asks of this process, until a signal ends it.

    Raises:
        UserError: it cannot listen at its address.
    """
    own = tf.distribute.cluster_resolver.TFConfigClusterResolver()
    name = f"{own.task_type} {own.task_id}"
    try:
        tf.distribute.Server(
            own.cluster_spec(), own.task_type, own.task_id, protocol=own.rpc_layer or "grpc"
        )
    except tf.errors.OpError as error:
        raise UserError(
            f"TF_CONFIG: {name} cannot listen at its address: {error.message}"
        ) from None
    print(f"{name} works for the chief; end it by Ctrl-C or SIGTERM", flush=True)
    while True:
        # Not `join()`, which Ctrl-C does not end.
        time.sleep(1.0)


def check_batches(replicas: int, task: Any, mode: str) -> None:
    """Raises a UserError where a batch cannot be shared equally.

    Args:
        replicas: copies of the network that share a batch.
        task: that part of a configuration.
        mode: one of `transfer.training.runner.MODES`.
    """
    for side, word in (("train_data", "train"), ("validation_data", "eval")):
        size = getattr(task, side).global_batch_size
        if word in mode and size % replicas:
            raise UserError(
                f"task.{side}.global_batch_size: {size} images cannot be shared equally by "
                f"{replicas} replicas; use a multiple of {replicas}"
            )


def count_workers(strategy: tf.distribute.Strategy) -> int:
    """How many processes train together."""
    resolver = strategy.cluster_resolver
    cluster = resolver.cluster_spec().as_dict() if resolver else {}
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return 1
    return max(1, sum(len(hosts) for hosts in cluster.values()))


def has_servers(strategy: tf.distribute.Strategy) -> bool:
    """Whether weights lie in processes of their own: `parameter_server`."""
    return isinstance(strategy, tf.distribute.experimental.ParameterServerStrategy)


def has_others(strategy: tf.distribute.Strategy) -> bool:
    """Whether other processes take part, which can be lost."""
    return has_servers(strategy) or count_workers(strategy) > 1


def of_all_workers(strategy: tf.distribute.Strategy, number: int) -> list[int]:
    """What each worker gives here; all have to call it at the same time."""
    if count_workers(strategy) == 1:
        return [number]
    local = strategy.run(lambda: tf.constant([number]))
    return [int(n) for n in strategy.gather(local, axis=0)]


def where_images_are(
    images: tf.Tensor, of_images: Callable[[], tf.Tensor], of_none: Callable[[], tf.Tensor]
) -> tf.Tensor:
    """What a replica computes of its images, of a last batch of which it may have none.

    oneDNN cannot compute anything of no images. One replica alone always has some, and to ask would
    take a tenth of the time of tracing.

    Args:
        images: `(batch, ...)`, of this replica.
        of_images, of_none: give tensors of the same type; one of them is computed.
    """
    if tf.distribute.get_strategy().num_replicas_in_sync == 1:
        return of_images()
    return tf.cond(tf.shape(images)[0] > 0, of_images, of_none)


def check_same_step(strategy: tf.distribute.Strategy, step: int) -> None:
    """Raises a UserError where workers would go on from different steps."""
    steps = of_all_workers(strategy, step)
    if len(set(steps)) > 1:
        raise UserError(
            f"--model_dir: workers find checkpoints of different steps there ({steps}); give a "
            "folder that all of them can read"
        )


def lost_worker(error: tf.errors.OpError, step: int, kept: str | None) -> UserError | None:
    """A worker that cannot be reached any more, in one sentence; None for any other error.

    Args:
        error: what the last step ended with.
        step: at which the last loop ended.
        kept: the last checkpoint; None where there is none.
    """
    aborted = _ABORTED.search(error.message)
    if not aborted and not isinstance(error, _LOST):
        return None
    why = f" ({aborted[1][:200]})" if aborted else ""
    where = f"go on from {kept}" if kept else "begin anew, since there was no checkpoint yet"
    return UserError(
        f"another worker was lost after step {step:,}{why}; give the same command on all workers "
        f"again: they {where}"
    )
