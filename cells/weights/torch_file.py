"""The tensors of files that PyTorch's libraries publish."""

from __future__ import annotations

import numpy as np

from cells.support.errors import UserError
from cells.support.files import reason, require_file
from cells.weights.weights_file import read_safetensors


def read(path: str) -> dict[str, np.ndarray]:
    """The tensors of a `.safetensors` file, or of a `.pth` file where PyTorch is installed.

    Args:
        path: of the file.

    Raises:
        UserError: there is no such file, it is damaged, or it holds more than tensors.
    """
    if path.endswith((".pth", ".pt", ".bin")):
        tensors = _read_pickle(path)
    else:
        tensors, _ = read_safetensors(path)
    # Step counters, which Keras has none of.
    return {n: v for n, v in tensors.items() if not n.endswith("num_batches_tracked")}


def _read_pickle(path: str) -> dict[str, np.ndarray]:
    place = require_file(path, "weights")
    try:
        import torch
    except ImportError:
        raise UserError(
            f"{path}: a .pth file needs PyTorch to be read; install the extra `torch`, or save it "
            "where PyTorch is by safetensors.torch.save_file(torch.load(FILE, weights_only=True), "
            "'weights.safetensors')"
        ) from None
    try:
        # Only tensors: a pickle from strangers could run code.
        state = torch.load(place, map_location="cpu", weights_only=True)
        return {str(name): value.numpy() for name, value in state.items()}
    except Exception as error:  # torch raises many kinds
        raise UserError(f"{path}: damaged, or holds more than tensors ({reason(error)})") from None
