"""Who takes part in a comparison."""

from __future__ import annotations

from benchmarks.contenders import autokeras
from benchmarks.contenders.product import ARMS

#: Modules of this package that answer by themselves, with what their environment consists of where
#: they need one of their own.
OTHERS: dict[str, tuple[str, ...]] = {
    "residual_network": (),
    "plain_keras": (),
    "hog_svm": (),
    "autokeras": autokeras.REQUIREMENTS,
}

#: In the order of even seeds; odd ones go backwards.
NAMES = (*ARMS, *OTHERS)

#: Who is left out everywhere, and why.
LEFT_OUT = {
    "pretrained networks": "their weights need a download; EfficientNet-Lite0 and the like did not "
    "start from scratch, and no figure compares the product with them"
}
