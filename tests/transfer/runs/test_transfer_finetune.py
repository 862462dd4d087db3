"""Fine-tuning: what is taken from the source, and which layers learn when."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from official.modeling import optimization
from transfer_runs import TINY

from cells.genotype import catalogue, genotype_file
from cells.network import presets
from cells.network.build import build_network
from cells.support.errors import UserError
from cells.weights import weights_file
from transfer.config import configure, schema
from transfer.config.cells_backbone import CellStack
from transfer.training import checkpoints, complete, runner, unfreezing
from transfer.training.task import ClassificationTask

EVERY = 10


def finetune(source, digits_dir, override=""):
    params = configure.experiment("cells_finetune")
    params.task.init_checkpoint = str(source)
    for side in (params.task.train_data, params.task.validation_data):
        side.tfds_name = "digits"
    return configure.configure(params, override=override, data_dir=str(digits_dir))


def test_cells_stack_and_size_are_those_of_the_run(run, digits_dir):
    params = finetune(run[0], digits_dir, "task.model.cells.drop_path_keep=0.8")
    complete.resolve(params)
    model = params.task.model
    assert genotype_file.read(model.cells.genotype) == genotype_file.read(TINY)
    assert (model.cells.network, model.cells.normal_cells, model.cells.filters) == ("cifar", 1, 16)
    assert model.cells.drop_path_keep == 0.8  # The run's own was 0.9.
    assert model.input_size == [32, 32, 3]
    assert model.num_classes == 10 and not model.auxiliary_head
    with pytest.raises(UserError, match=r"init_checkpoint: is needed"):
        complete.resolve(finetune("", digits_dir))


@pytest.mark.parametrize("network", ["cifar", "cifar_pooled", "cifar_transitions"])
def test_an_imported_network_is_laid_out_as_its_file_says(network, digits_dir, tmp_path):
    genotype = catalogue.load("pnasnet_5")
    stack = presets.configure(
        genotype,
        network,
        normal_cells=1,
        filters=4,
        image_size=(24, 24),
        border_rule="timm",
        num_classes=3,
    )
    path = str(tmp_path / "imported.safetensors")
    weights_file.write(weights_file.WeightsFile(genotype, stack, {"x": [np.ones(2)]}), path)
    params = finetune(path, digits_dir)
    complete.resolve(params)
    model = params.task.model
    assert model.cells.network == network
    assert model.cells.genotype == "pnasnet_5" and model.input_size == [24, 24, 3]
    assert (model.cells.normal_cells, model.cells.filters) == (1, 4)
    assert model.cells.border_rule == "timm"
    other = build_network(genotype, stack, keras)
    assert unfreezing.stage_of(other.layers[-1].name) == 0


def test_averages_begin_with_the_weights_that_training_begins_with(run, digits_dir, tmp_path):
    """At rate 0 the weights stay, and so does their average; after one step 0 has no part in it."""
    settings = finetune(
        run[0],
        digits_dir,
        "task.train_data.global_batch_size=8,task.unfreeze_every=0,trainer.train_steps=1,"
        "trainer.optimizer_config={learning_rate: {type: constant, constant: {learning_rate: 0}}, "
        "warmup: {type: null}, ema: {average_decay: 0.9, dynamic_decay: false}}",
    )
    folder = str(tmp_path / "model")
    runner.run(settings, "train", folder)
    opened = checkpoints.open_trained(folder)
    assert opened.averaged and opened.step == 1
    earlier = {w.name: w for w in checkpoints.open_trained(str(run[0])).model.trainable_weights}
    for weight in opened.model.trainable_weights:
        np.testing.assert_allclose(weight, earlier[weight.name], rtol=1e-6, err_msg=weight.name)


@pytest.fixture(scope="module")
def learned():
    """For five steps, one in each stage: the layers whose weights it changed."""
    cells = CellStack(genotype=TINY, network="cifar", normal_cells=1, filters=4)
    model_config = schema.Model(
        num_classes=3, input_size=[32, 32, 3], auxiliary_head=True, cells=cells
    )
    task = ClassificationTask(
        schema.Task(
            model=model_config,
            losses=schema.Losses(l2_weight_decay=0.01),
            init_checkpoint="earlier",
            unfreeze_every=EVERY,
        )
    )
    model = task.build_model()
    optimizer = task.create_optimizer(
        optimization.OptimizationConfig(
            {
                "optimizer": {"type": "sgd", "sgd": {"momentum": 0.9, "global_clipnorm": 5.0}},
                "learning_rate": {"type": "constant", "constant": {"learning_rate": 0.1}},
                "ema": {"average_decay": 0.9},
            }
        )
    )
    optimizer.shadow_copy(model)
    batch = tf.random.uniform([4, 32, 32, 3], -1, 1, seed=1), tf.constant([0, 1, 2, 0])
    result = []
    for stage in range(5):
        optimizer.iterations.assign(stage * EVERY)
        before = {v.name: v.numpy() for v in model.trainable_variables}
        task.train_step(batch, model, optimizer)
        result.append(
            {
                unfreezing.layer_of(v)
                for v in model.trainable_variables
                if np.any(before[v.name] != v.numpy())
            }
        )
        frozen = [v for v in model.trainable_variables if np.all(before[v.name] == v.numpy())]
        momenta = [optimizer._optimizer.get_slot(v, "momentum").numpy() for v in frozen]
        assert not any(np.any(m) for m in momenta)
    return model, result


def test_first_the_heads_learn_then_group_by_group_and_last_the_stem(learned):
    model, changed = learned
    layers = {unfreezing.layer_of(v) for v in model.trainable_variables}
    beginnings = ["logits", "auxiliary_"]
    for stage, more in enumerate(
        [[], ["group_3_", "reduction_2"], ["group_2_", "reduction_1"], ["group_1_"], ["stem_"]]
    ):
        beginnings += more
        assert changed[stage] == {n for n in layers if n.startswith(tuple(beginnings))}, stage
    assert changed[-1] == layers


def test_model_gardens_mixing_and_erasing_reach_the_images(digits_dir):
    """Mixup gives labels of two classes; erased squares hold what no digit holds: noise."""
    from transfer.data import dataset

    def first(**settings):
        given = schema.DataConfig(
            is_training=True,
            tfds_name="digits",
            tfds_split="train[:200]",
            tfds_data_dir=str(digits_dir),
            global_batch_size=32,
            aug_rand_hflip=False,
            shuffle_buffer_size=200,
            **settings,
        )
        model = schema.Model(num_classes=10)
        return next(iter(dataset.build_dataset(given, model).as_numpy_iterator()))

    _, labels = first(
        mixup_and_cutmix={
            "mixup_alpha": 1.0,
            "cutmix_alpha": 0.0,
            "prob": 1.0,
            "switch_prob": 0.0,
            "label_smoothing": 0.0,
        }
    )
    assert labels.shape == (32, 10)
    np.testing.assert_allclose(labels.sum(1), 1, atol=1e-5)
    assert np.median(np.sum(labels > 1e-6, axis=1)) == 2
    plain, _ = first()
    erased, _ = first(random_erasing={"probability": 1.0, "min_area": 0.2, "max_area": 0.3})
    # Digits are grey, noise is coloured.
    coloured = [np.mean(np.ptp(image, axis=-1) > 1e-3) for image in erased]
    assert np.ptp(plain, axis=-1).max() < 1e-5
    assert np.mean([share > 0.1 for share in coloured]) > 0.7
