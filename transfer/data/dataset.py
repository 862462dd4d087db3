"""Images and labels for training and evaluation, through Model Garden's input reader.

Model Garden's own TFDS decoders know a handful of names; here the features of a set say where
image and label are, so that any set of labelled images works. Images are read upright, by
`cells.data.decoding`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf
from official.common import dataset_fn
from official.vision.dataloaders import (
    classification_input,
    decoder,
    input_reader,
    input_reader_factory,
)
from official.vision.ops import augment, preprocess_ops

from cells import data as datasets
from cells.data import decoding, preprocessing
from transfer.config import schema
from transfer.data import damaged_images, order
from transfer.data import examples as stored

#: The name by which a damaged image is told.
NAME = "name"

#: Settings that Model Garden's parser takes as they are.
_PARSED = (
    "aug_rand_hflip aug_crop aug_type color_jitter random_erasing dtype crop_area_range "
    "center_crop_fraction tf_resize_method three_augment"
)

#: What the augmentation of an example is drawn with, int32 `(2,)`.
SEED = "seed"


class TfdsDecoder(decoder.Decoder):
    """Gives the parts of a TFDS example the names that the parser reads; the image stays bytes."""

    def __init__(self, classes: datasets.ImageClasses):
        self._classes = classes

    def decode(self, example: dict[str, Any], seed: tf.Tensor | None = None) -> dict[str, Any]:
        return {
            classification_input.DEFAULT_IMAGE_FIELD_KEY: example[self._classes.image_key],
            classification_input.DEFAULT_LABEL_FIELD_KEY: example[self._classes.label_key],
            NAME: example["tfds_id"],
        } | _seeded(seed)


class RecordDecoder(classification_input.Decoder):
    """Reads an example of a TFRecord file, and checks its label."""

    def __init__(self, params: schema.DataConfig, model: schema.Model):
        super().__init__(params.image_field_key, params.label_field_key)
        self._label_key = params.label_field_key
        self._num_classes = model.num_classes

    def decode(self, stored: dict[str, Any], seed: tf.Tensor | None = None) -> dict[str, Any]:
        index = tf.strings.as_string(stored["index"])
        name = tf.strings.join([stored["file"], " record ", index])
        example = super().decode(stored["record"])
        label = example[self._label_key]
        known = damaged_images.require(
            (label >= 0) & (label < self._num_classes),
            f"{self._label_key}: a record has a label that is none of the {self._num_classes} "
            "classes, 0 to one less; set task.model.num_classes, or mend the files",
        )
        with tf.control_dependencies([known]):
            return {**example, NAME: name} | _seeded(seed)


def _seeded(seed: tf.Tensor | None) -> dict[str, tf.Tensor]:
    return {} if seed is None else {SEED: seed}


def _records(params: schema.DataConfig) -> Any:
    """Files -> a data set of file, number within it, and record."""
    kind = dataset_fn.pick_dataset_fn(params.file_type)

    def of_file(file: tf.Tensor) -> tf.data.Dataset:
        numbered = kind(file).enumerate()
        return numbered.map(lambda i, record: {"file": file, "index": i, "record": record})

    def of_files(files: Any) -> tf.data.Dataset:
        return tf.data.Dataset.from_tensor_slices(tf.reshape(files, [-1])).flat_map(of_file)

    return of_files


class Parser(classification_input.Parser):
    """Model Garden's parser with the papers' augmentation and `cells.data.preprocessing.scale`.

    Crop, mirror, shift and cutout are drawn with the example's own seed; Model Garden's further
    augmentations draw anew in every run. Only they have Python's control flow to be converted by
    AutoGraph, as a `tf.function` does wherever it is called.

    Everything but the scaling is done on three channels of 0 to 255; the network's own number of
    channels is made at the end.
    """

    def __init__(self, params: schema.DataConfig, model: schema.Model, **keys: str):
        super().__init__(
            output_size=list(model.input_size[:2]),
            num_classes=model.num_classes,
            **{name: getattr(params, name) for name in _PARSED.split()},
            **keys,
        )
        self._channels = model.input_size[2]
        self._shift = params.aug_shift
        self._cutout = params.aug_cutout

    def _parse_train_image(self, decoded_tensors: dict[str, Any]) -> tf.Tensor:
        image = self._pixels(decoded_tensors)
        seeds = preprocessing.split_seed(decoded_tensors.get(SEED), 4)
        if self._aug_crop:
            image = preprocessing.random_crop(image, seeds[0], area_range=self._crop_area_range)
        if self._aug_rand_hflip:
            image = tf.image.stateless_random_flip_left_right(image, seeds[1])
        if self._color_jitter > 0:
            jitter = tf.function(preprocess_ops.color_jitter)
            image = jitter(image, *[self._color_jitter] * 3)
        image = self._resized(image)
        if self._shift:
            image = preprocessing.random_shift(image, self._shift, seeds[2])
        if self._augmenter is not None:
            image = tf.function(self._augmenter.distort)(image)
        if self._three_augment:
            policy = augment.AutoAugment("deit3_three_augment", translate_const=20)
            image = tf.function(policy.distort)(image)
        image = preprocessing.scale(image)
        if self._cutout:
            image = preprocessing.cutout(image, self._cutout, seeds[3])
        if self._random_erasing is not None:
            image = self._random_erasing.distort(image)
        return self._finished(image)

    def _parse_eval_image(self, decoded_tensors: dict[str, Any]) -> tf.Tensor:
        image = self._pixels(decoded_tensors)
        if self._aug_crop:
            # Of a single row or column the crop would be empty.
            image = tf.cond(
                tf.reduce_min(tf.shape(image)[:2]) > 1,
                lambda: preprocess_ops.center_crop_image(image, self._center_crop_fraction),
                lambda: image,
            )
        return self._finished(preprocessing.scale(self._resized(image)))

    def evaluation_image(self, pixels: Any) -> tf.Tensor:
        """An image as evaluation feeds it: `(height, width, channels)`, scaled.

        Args:
            pixels: uint8 `(any, any, 3)`.
        """
        return self._parse_eval_image({self._image_field_key: tf.convert_to_tensor(pixels)})

    def _pixels(self, decoded_tensors: dict[str, Any]) -> tf.Tensor:
        return preprocessing.with_channels(decoded_tensors[self._image_field_key], 3)

    def _resized(self, image: tf.Tensor) -> tf.Tensor:
        image = preprocessing.resize(image, tuple(self._output_size))
        return tf.ensure_shape(image, [*self._output_size, 3])

    def _finished(self, image: tf.Tensor) -> tf.Tensor:
        image = preprocessing.with_channels(image, self._channels)
        return tf.cast(image, self._dtype)


# AutoGraph looks for Python's control flow in every function, for seconds of each start.
@tf.autograph.experimental.do_not_convert
def build_dataset(
    params: schema.DataConfig,
    model: schema.Model,
    input_context: tf.distribute.InputContext | None = None,
    step: int = 0,
) -> tf.data.Dataset:
    """Batches of one replica group: float `(batch, height, width, channels)` and int32 `(batch,)`.

    Args:
        params: one side of the data: a TFDS set, or TFRecord files (`input_path`) with an encoded
            image and a label under `image_field_key` and `label_field_key`.
        model: input size and number of classes.
        input_context: given by `tf.distribute`.
        step: training steps whose images were seen already.

    Raises:
        UserError: there is no such set, or it has no labelled images.
    """
    keys: dict[str, str] = {}
    decode: decoder.Decoder
    source = None
    epochs: stored.TfdsEpochs | stored.RecordEpochs | None = None
    pixels: Callable[[tf.Tensor], tf.Tensor] = decoding.decode
    shape: tuple[int | None, int | None, int] = (None, None, 3)
    if params.tfds_name:
        builder = datasets.builder(params.tfds_name, params.tfds_data_dir)
        classes = datasets.image_classes(builder)
        decode = TfdsDecoder(classes)
        skipped = f"{params.tfds_skip_decoding_feature},{classes.image_key}"
        raw = params.replace(tfds_skip_decoding_feature=skipped)
        if params.is_training:
            epochs = stored.TfdsEpochs(builder, raw, input_context)
        else:
            source = stored.examples(builder, raw, input_context, add_tfds_id=True)
        own = decoding.decoder(classes.image_shape)
        shape = (*decoding.upright_size(classes.image_shape), 3)

        def pixels(data: tf.Tensor) -> tf.Tensor:
            return preprocessing.with_channels(own(data), 3)
    else:
        keys = {
            "image_field_key": params.image_field_key,
            "label_field_key": params.label_field_key,
        }
        decode = RecordDecoder(params, model)
        # Several sets that are mixed are left to Model Garden.
        if params.is_training and isinstance(params.input_path, str | Sequence):
            epochs = stored.RecordEpochs(params, _records(params), input_context)
    behind = 0
    if epochs:
        place = order.Order.of(params, input_context, step)
        if params.cache:
            # Augmented once and kept, so what was seen can only be passed over behind the cache.
            source = place.epoch(epochs.read, 0, shuffled=False)
            replicas = input_context.num_replicas_in_sync if input_context else 1
            behind = place.start // (params.global_batch_size // replicas)
        else:
            source = place.epochs(epochs.read, epochs.size)
            params = params.replace(shuffle_buffer_size=1)  # It is shuffled already.
    side = "train_data" if params.is_training else "validation_data"
    reader = input_reader_factory.input_reader_generator(
        params,
        dataset_fn=_records(params),
        decoder_fn=decode.decode,
        combine_fn=input_reader.create_combine_fn(params),
        sample_fn=lambda dataset: damaged_images.pass_over(
            dataset,
            pixels,
            image_key=keys.get("image_field_key", classification_input.DEFAULT_IMAGE_FIELD_KEY),
            name_key=NAME,
            shape=shape,
            limit=params.max_damaged,
            setting=f"task.{side}.max_damaged",
        ),
        parser_fn=Parser(params, model, **keys).parse_fn(params.is_training),
        postprocess_fn=_mixup(params, model) if params.is_training else None,
    )
    dataset = reader.read(input_context=input_context, dataset=source)
    return dataset.skip(behind) if behind else dataset


def _mixup(params: schema.DataConfig, model: schema.Model) -> Any:
    settings = params.mixup_and_cutmix
    if not settings:
        return None
    return augment.MixupAndCutmix(model.num_classes, **settings.as_dict())
