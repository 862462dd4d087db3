"""Where examples come from: TFDS sets by their features, or folders of converted boxes."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import tensorflow as tf
from official.common import dataset_fn
from official.vision.dataloaders import decoder as decoders
from official.vision.dataloaders import input_reader, input_reader_factory

from cells import data as datasets
from cells.data import decoding
from detection.data import records
from detection.data.decoder import ObjectsDecoder, RecordDecoder
from transfer.data.examples import examples

#: How many times longer than its other side an image may be: scaled to a detector's input, nothing
#: of the shorter side would be left, so such images are passed over.
MOST_ASPECT = 100


def name_of(data: Any) -> str:
    """The set and the split that a side of the data is, for people."""
    if data.input_path:
        return os.path.dirname(data.input_path)
    return f"{data.tfds_name} {data.tfds_split}"


def decoder_of(data: Any, *, with_masks: bool = False) -> decoders.Decoder:
    """What gives the examples of a side of the data the names that Model Garden's parsers read.

    Args:
        data: Model Garden's data configuration, resolved.
        with_masks: whether outlines are wanted, which only converted boxes have.
    """
    if data.input_path:
        return RecordDecoder(
            include_mask=with_masks, mask_binarize_threshold=0.5 if with_masks else None
        )
    builder = datasets.builder(data.tfds_name, data.tfds_data_dir)
    return ObjectsDecoder(datasets.detection_classes(builder))


@tf.autograph.experimental.do_not_convert
def decoded(data: Any) -> tf.data.Dataset:
    """The decoded examples of a side of the data, each once, in the order in which they are stored.

    Args:
        data: Model Garden's data configuration, resolved.
    """
    if data.input_path:
        stored = tf.data.TFRecordDataset(records.find(data.input_path).files)
    else:
        stored = _stored(data.replace(is_training=False), None)
    return stored.map(decoder_of(data).decode).prefetch(2)


def outlines(data: Any) -> dict[int, list[Any]]:
    """The outlines of converted boxes: COCO's run lengths by image.

    Args:
        data: Model Garden's data configuration, resolved.
    """
    from pycocotools import mask as coco_masks

    found: dict[int, list[Any]] = {}
    for record in tf.data.TFRecordDataset(records.find(data.input_path).files):
        feature = tf.train.Example.FromString(record.numpy()).features.feature
        turn = decoding.orientation(feature["image/encoded"].bytes_list.value[0])
        masks = [
            decoding.upright(tf.io.decode_png(png, channels=1), turn).numpy()[..., 0]
            for png in feature["image/object/mask"].bytes_list.value
        ]
        image_id = int(feature["image/source_id"].bytes_list.value[0])
        found[image_id] = [coco_masks.encode(np.asfortranarray(m > 0, np.uint8)) for m in masks]
    return found


def batches(
    data: Any,
    parse: Any,
    context: tf.distribute.InputContext | None = None,
    *,
    with_masks: bool = False,
) -> tf.data.Dataset:
    """Batches for training or evaluation, by Model Garden's reader.

    Args:
        data: Model Garden's data configuration, resolved.
        parse: Model Garden's parser of decoded examples.
        context: given by `tf.distribute`.
        with_masks: see `decoder_of`.
    """
    reader = input_reader_factory.input_reader_generator(
        data,
        dataset_fn=dataset_fn.pick_dataset_fn(data.file_type),
        decoder_fn=decoder_of(data, with_masks=with_masks).decode,
        combine_fn=input_reader.create_combine_fn(data),
        sample_fn=lambda dataset: dataset.filter(_is_wide_enough),
        parser_fn=parse,
    )
    if data.input_path:
        return reader.read(input_context=context)
    return reader.read(input_context=context, dataset=_stored(data, context))


def _stored(data: Any, context: tf.distribute.InputContext | None) -> tf.data.Dataset:
    """The examples of a TFDS set, whose images `ObjectsDecoder` decodes."""
    builder = datasets.builder(data.tfds_name, data.tfds_data_dir)
    encoded = data.replace(tfds_skip_decoding_feature=datasets.detection_classes(builder).image_key)
    return examples(builder, encoded, context, add_tfds_id=True)


def _is_wide_enough(example: dict[str, Any]) -> tf.Tensor:
    size = tf.shape(example["image"])[:2]
    return tf.reduce_max(size) <= MOST_ASPECT * tf.reduce_min(size)
