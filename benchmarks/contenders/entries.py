"""Who takes part in a comparison."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.contenders import autokeras
from benchmarks.contenders.product import ARMS


@dataclass(frozen=True)
class Other:
    """A contender that is not the product.

    Attributes:
        module: has its `train_and_predict`.
        requirements: what an environment of its own consists of; by default it has this project's.
    """

    module: str
    requirements: tuple[str, ...] = ()


#: By name.
OTHERS = {
    "residual_network": Other("benchmarks.contenders.residual_network"),
    "plain_keras": Other("benchmarks.contenders.plain_keras"),
    "hog_svm": Other("benchmarks.contenders.hog_svm"),
    "autokeras": Other("benchmarks.contenders.autokeras", autokeras.REQUIREMENTS),
}

#: All who can be asked for.
NAMES = (*ARMS, *OTHERS)

#: Who is asked by default: the command as people run it, and all others.
USUAL = ("product", *OTHERS)

#: Who is left out everywhere, and why.
LEFT_OUT = {
    "pretrained networks": "their weights need a download; EfficientNet-Lite0 and the like did not "
    "start from scratch, and no figure compares the product with them"
}
