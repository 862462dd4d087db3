"""`.keras` files that open with earlier versions of Keras, too.

Keras writes all arguments of its layers, also those that it has only known since yesterday; an
earlier version refuses the file for them. At their defaults they say nothing, and are left out.
"""

from __future__ import annotations

import json
import os
import zipfile
from typing import Any

#: The earliest version that opens the files.
LEAST_VERSION = "3.5"

#: Arguments that are younger than `LEAST_VERSION`, with their defaults.
_YOUNGER = {
    "input_axes": None,  # of initializers, 3.15
    "output_axes": None,
    "quantization_config": None,  # of layers with kernels, 3.13
    "renorm": False,  # of batch norms, 3.14
    "renorm_clipping": None,
    "renorm_momentum": 0.99,
}

_CONFIG = "config.json"


def write(model: Any, path: str | os.PathLike[str]) -> None:
    """Saves a Keras 3 model.

    Args:
        model: of Keras's own layers; a setting that only later versions know stays in the file.
        path: ends in `.keras`.
    """
    model.save(path)
    with zipfile.ZipFile(path) as archive:
        members = {info: archive.read(info) for info in archive.infolist()}
    with zipfile.ZipFile(path, "w") as archive:
        for info, data in members.items():
            if info.filename == _CONFIG:
                data = json.dumps(_without_younger(json.loads(data))).encode()
            archive.writestr(info, data)


def _without_younger(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_younger(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        key: _without_younger(each)
        for key, each in value.items()
        if key not in _YOUNGER or each != _YOUNGER[key]
    }
