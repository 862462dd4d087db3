"""What others made: trained weights, and folders of images."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator

from cells.support.errors import UserError
from cells.support.files import atomic_path, expanded


def import_weights(args: argparse.Namespace) -> Iterator[str]:
    """`cells import-weights`: trained weights of Keras Applications or timm."""
    if not args.output.endswith((".safetensors", ".keras")):
        raise UserError(
            f"--output: {args.output} must end in .safetensors (weights with their genotype) or "
            ".keras (a model that Keras alone opens)"
        )
    from cells import weights
    from cells.weights import weights_file

    imported = weights.import_weights(
        args.source, args.file, args.genotype, num_classes=args.num_classes
    )
    if args.output.endswith(".keras"):
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        import keras

        model = weights_file.build(imported.weights, keras)
        with atomic_path(args.output) as temporary:
            model.save(temporary)
    else:
        weights_file.write(imported.weights, args.output)
    yield f"{args.output}: {imported.said}"


def dataset(args: argparse.Namespace) -> Iterator[str]:
    """`cells dataset`: a prepared TFDS set of a folder of images."""

    from cells.data import conversion, image_folders

    root = expanded(args.folder)
    images = image_folders.find(root)
    if images is None:
        raise UserError(
            f"{root}: holds no images as CLASS/* or SPLIT/CLASS/* (files that end in "
            f"{', '.join(image_folders.ENDINGS)})"
            if root.is_dir()
            else f"{root}: there is no such folder"
        )
    if images.splits and (args.test is not None or args.seed is not None):
        have = ", ".join(images.splits)
        raise UserError(f"--test, --seed: {root} has its own splits ({have}); leave them out")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    output = expanded(args.output)
    folder = conversion.convert(
        images,
        output,
        args.name or images.set_name,
        test=conversion.TEST if args.test is None else args.test,
        seed=conversion.SEED if args.seed is None else args.seed,
    )
    yield from conversion.described(folder, most=None)
    yield f"use it as images.name={folder.parent.name} with --data_dir={output}"
