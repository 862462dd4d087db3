"""What a trained detector finds in images, as `cell-detect` and Python users ask for it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cells.support.errors import UserError
from cells.support.files import FilePath, FilePaths, as_paths

if TYPE_CHECKING:
    from detection.inference.predict import Predicted


def predict(
    model_dir: FilePath,
    output: FilePath,
    images: FilePaths = (),
    *,
    score_threshold: float = 0.3,
    tile_size: int = 0,
    draw: bool = True,
    config_file: FilePaths = (),
    params_override: str | Mapping[str, Any] | None = None,
    data_dir: FilePath | None = None,
) -> Predicted:
    """Finds objects in images and videos; writes pictures and COCO's result file.

    `open_detector` gives the same boxes as arrays, of one image.

    Args:
        model_dir: folder of the run, whose last checkpoint and configuration are taken.
        output: folder for `results.json` and `pictures/`; made where it is missing.
        images: files and folders of images and videos; by default the run's validation data.
        score_threshold: in 0..1; what is found with a lower score is left out.
        tile_size: images with a longer side in pixels are also looked at in parts of this size;
            0 for none.
        draw: whether to write pictures.
        config_file: YAML file or files that override the configuration, in order.
        params_override: settings that are applied after the files, nested or text, such as
            `"task.validation_data.tfds_split='validation[:20]'"`.
        data_dir: folder of prepared TFDS sets, where the run names none.

    Returns:
        The paths of what was written, and the numbers of images and detections.

    Raises:
        UserError: there is no such run, an image cannot be read, or the folder cannot be written.

    Example:
        >>> detection.predict("runs/digits", "found", ["photo.jpg", "holiday"])
    """
    if not 0.0 <= score_threshold <= 1.0:
        raise UserError(f"--score_threshold: {score_threshold} is not in [0, 1]")
    from detection.config.read import read_params
    from detection.data.images import check_files, find_files, from_data, from_files
    from detection.inference.detector import open_detector
    from detection.inference.predict import predict as write

    params = read_params(
        model_dir, config_file=config_file, params_override=params_override, data_dir=data_dir
    )
    files = find_files(as_paths(images))
    check_files(files)
    detector = open_detector(model_dir, params=params)
    return write(
        detector,
        from_files(files) if files else from_data(params.task.validation_data),
        os.fspath(output),
        score_threshold=score_threshold,
        tile_size=tile_size,
        draw=draw,
    )
