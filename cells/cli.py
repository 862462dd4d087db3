"""Genotypes: the published ones by name, your own by file.

  cells list                                      the catalogue; --recurrent: recurrent cells
  cells show nasnet_a                             its cells, in words
  cells summary nasnet_a --network=imagenet_mobile
  cells summary mine.json --network=cifar -N 2 -F 32 --json
  cells draw mine.json --output=mine.svg          also .png and .pdf
  cells validate mine.json
  cells operations                                what a genotype may use
  cells convert darts.txt --from=darts --to=json -o darts.json
  cells diff darts_v1 darts_v2
  cells draw recurrent:nas --output=nas.svg       recurrent cells, too
  cells dataset flowers --output=data             a folder of images as a TFDS set
  cells auto --images=flowers --output=mine --budget=30m
                                                  from a folder of images to a classifier
  cells import-weights --from=timm --file=nasnetalarge.safetensors \\
      --genotype=nasnet_a --output=nasnet_a_large.safetensors
  cells docs                                      pages of the documentation; cells docs search
"""

from __future__ import annotations

import argparse
import itertools
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NoReturn

from cells.commands import files, imports, listing
from cells.genotype.notations import FORMATS
from cells.network import presets
from cells.network.stack_config import GROUPS, MAX_CELLS, MAX_CLASSES, MAX_FILTERS
from cells.operations.primitives import BORDER_RULES
from cells.support.errors import BAD_INPUT, cut, nearest, printable, told_errors, unknown
from cells.support.registry import import_modules
from cells.support.settings import Bounds, fit
from cells.support.version import __version__

Command = Callable[[argparse.Namespace], Iterator[str]]


class _Parser(argparse.ArgumentParser):
    """Tells faults in one sentence, as the other command lines do."""

    def __init__(self, **settings: Any):
        self._options: list[str] = []
        self._commands = False
        super().__init__(**settings)

    def add_argument(self, *names: Any, **settings: Any) -> argparse.Action:
        action = super().add_argument(*names, **settings)
        self._options += action.option_strings
        return action

    def add_subparsers(self, **settings: Any) -> Any:
        self._commands = True
        return super().add_subparsers(**settings)

    def parse_known_args(self, args=None, namespace=None):  # type: ignore[no-untyped-def]
        # First of all, as a slip in a needed option is no lack of it. What stands behind the name
        # of a subcommand is looked at by the parser of that.
        given = list(sys.argv[1:] if args is None else args)
        own = itertools.takewhile(lambda a: a.startswith("-"), given) if self._commands else given
        for argument in itertools.takewhile(lambda a: a != "--", own):
            name = argument.partition("=")[0]
            if name.startswith("--") and not any(o.startswith(name) for o in self._options):
                self._refuse([name])
        namespace, left = super().parse_known_args(given, namespace)
        if left:
            self._refuse(left)
        return namespace, left

    def _refuse(self, arguments: Sequence[str]) -> NoReturn:
        first, long = arguments[0], [o[2:] for o in self._options if o.startswith("--")]
        remedy = nearest(first[2:80], long, "--") if first.startswith("--") else ""
        if first.startswith("-"):
            remedy = remedy or f"known are {', '.join(self._options)}"
        self.error("; ".join([f"unrecognized arguments: {cut(' '.join(arguments))}", remedy]))

    def error(self, message: str) -> NoReturn:
        message = message.removeprefix("argument ")
        if choice := re.match(r"(\S+): invalid choice: '(.*)' \(choose from (.*)\)", message):
            argument, given, known = choice.groups()
            message = unknown(argument, given, re.findall(r"[\w-]+", known)).with_flag
        message = printable(cut(message, 400))
        message = message.rstrip("; ")
        between = " " if message.endswith("?") else "; "
        print(f"cells: {message}{between}see {self.prog} --help", file=sys.stderr)
        sys.exit(BAD_INPUT)


def _number(kind: type, bounds: Bounds) -> Callable[[str], float]:
    """What reads a number of an argument."""

    def read(text: str) -> float:
        try:
            # Python's own words are as long as the number.
            value = kind(text) if len(text) <= 40 else None
        except ValueError:
            value = None
        value, expected = fit(kind, value)
        if expected:
            raise argparse.ArgumentTypeError(f"{cut(text, 40)!r} is not a {expected}")
        if fault := bounds.fault(value):
            raise argparse.ArgumentTypeError(fault)
        return value

    return read


_batch = _number(int, Bounds(least=1, most=100_000))
_cells = _number(int, Bounds(least=1, most=MAX_CELLS))
_group = _number(int, Bounds(least=0, most=GROUPS))
_classes = _number(int, Bounds(least=0, most=MAX_CLASSES))
_factor = _number(float, Bounds(above=0, most=100))
_filters = _number(int, Bounds(least=1, most=100 * MAX_FILTERS))
_seed = _number(int, Bounds(least=0, most=2**32 - 1))
_share = _number(float, Bounds(least=0, below=1))
_size = _number(int, Bounds(least=16, most=1024))


def main(summary: Command, auto: Command) -> None:
    """Runs the command line; exits with 2 on bad input.

    Args:
        summary: `cells summary`, which may need the first stage.
        auto: `cells auto`, which needs all of them.
    """
    args = _parser(summary, auto).parse_args()
    try:
        with told_errors("cells"):
            import_modules(args.modules.split(","))
            for line in args.run(args):
                print(line)
    except BrokenPipeError:
        # `cells show ... | head` is no mistake; nobody reads what is still to come.
        sys.stderr.close()
        sys.exit(0)


def _parser(summary: Command, auto: Command) -> argparse.ArgumentParser:
    parser = _Parser(
        prog="cells", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--version", action="version", version=f"cells {__version__}")
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)

    def add(name: str, run, genotype: bool = False) -> argparse.ArgumentParser:
        line = (run.__doc__ or "").split(": ", 1)[1].rstrip(".")
        sub = subparsers.add_parser(name, help=line, description=line)
        sub.set_defaults(run=run)
        sub.add_argument(
            "--import", dest="modules", default="", help="modules of one's own with operations"
        )
        if genotype:
            sub.add_argument(
                "genotype", help="a name of the catalogue, recurrent:NAME, or a genotype file"
            )
        return sub

    for name, run in (("list", listing.list_catalogue), ("operations", listing.operations)):
        sub = add(name, run)
        sub.add_argument("--json", action="store_true", help="for programs")
        if name == "list":
            sub.add_argument("--recurrent", action="store_true", help="recurrent cells instead")
    sub.add_argument("--filters", "-F", type=_filters, default=32, help="to count parameters at")
    sub = add("show", listing.show, genotype=True)
    sub.add_argument("--json", action="store_true", help="the genotype file")
    _add_summary(add("summary", summary, genotype=True))
    sub = add("draw", files.draw, genotype=True)
    sub.add_argument("--output", "-o", required=True, help="file ending in .svg, .png or .pdf")
    sub.add_argument("--dark", action="store_true", help="for dark backgrounds")
    sub.add_argument(
        "--plain", action="store_true", help="without the states' numbers and marks of stride 2"
    )
    sub = add("convert", files.convert)
    sub.add_argument("input", help="a file, a name of the catalogue, or - for standard input")
    known = ", ".join(FORMATS)
    sub.add_argument("--from", dest="source", default="json", help=f"{known} (default: json)")
    sub.add_argument("--to", default="json", help=f"{known} (default: json)")
    sub.add_argument("--output", "-o", help="a file; standard output by default")
    sub.add_argument("--name", help="of the genotype, where the notation holds none")
    sub = add("diff", files.diff)
    for which in ("old", "new"):
        sub.add_argument(which, help="a name of the catalogue, or a genotype file")
    sub = add("import-weights", imports.import_weights)
    sub.add_argument("--from", dest="source", required=True, help="keras_applications or timm")
    sub.add_argument("--file", required=True, help="the library's own weights file")
    sub.add_argument("--genotype", required=True, help="nasnet_a, pnasnet_5 or inception_v4")
    sub.add_argument("--output", "-o", required=True, help="ending in .safetensors or .keras")
    sub.add_argument(
        "--num_classes",
        type=_classes,
        help="leave a head of another count out",
    )
    _add_dataset(add("dataset", imports.dataset))
    _add_auto(add("auto", auto))
    sub = add("docs", listing.docs)
    sub.add_argument("page", nargs="?", metavar="PAGE", help="of those that `cells docs` lists")
    sub = add("validate", files.validate)
    sub.add_argument("files", nargs="+", metavar="FILE", help="a genotype file")
    return parser


def _add_auto(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--images", required=True, help="images as CLASS/* or SPLIT/CLASS/*")
    sub.add_argument("--output", "-o", required=True, help="folder of everything that is written")
    sub.add_argument("--budget", default="30m", help="time for all, such as 30m or 2h (30m)")
    sub.add_argument("--genotype", help="train these cells alone: a name or a file")
    sub.add_argument(
        "--search", type=_share, help="share of the time that searches cells (0: none)"
    )
    sub.add_argument(
        "--entrants", default="all", help="who races: all, or cells (no residual network) (all)"
    )
    sub.add_argument(
        "--size",
        type=_size,
        default=32,
        help="to which images are brought (32)",
    )
    sub.add_argument("--flip", action="store_true", help="images may be mirrored (not letters)")
    sub.add_argument(
        "--balance", default="none", help="unequal classes: none, weights or sampling (none)"
    )
    sub.add_argument(
        "--weights", help="a weights file (.safetensors) whose network takes part, fine-tuned"
    )
    sub.add_argument(
        "--shipped-weights",
        choices=("on", "off"),
        default="on",
        help="whether networks trained on CIFAR-10 that come along take part (on)",
    )
    sub.add_argument(
        "--precision",
        default="auto",
        help="of convolutions: float32, bfloat16, or auto, which takes the faster (auto)",
    )
    sub.add_argument("--seed", type=_seed, default=0, help="of everything random (0)")
    sub.add_argument("--verbose", action="store_true", help="show what libraries say, too")


def _add_dataset(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("folder", help="images as CLASS/* or SPLIT/CLASS/*: jpg, png, webp, bmp")
    sub.add_argument("--output", "-o", required=True, help="folder of prepared sets (data_dir)")
    sub.add_argument("--name", help="of the set; the folder's name by default")
    sub.add_argument(
        "--test",
        type=_share,
        help="share of each class of CLASS/* that tests (default: 0.2)",
    )
    sub.add_argument("--seed", type=_seed, help="of the draw of the test images (default: 0)")


def _add_summary(sub: argparse.ArgumentParser) -> None:
    known = ", ".join(presets.NETWORKS)
    sub.add_argument("--network", default="cifar", help=f"{known} (default: cifar)")
    sub.add_argument("--json", action="store_true", help="trainable, total, multiply_adds")
    sub.add_argument(
        "--normal_cells",
        "-N",
        type=_cells,
        help="Normal cells in each group",
    )
    sub.add_argument(
        "--empty_group",
        type=_group,
        help="1, 2 or 3: has no cells; of cifar_transitions",
    )
    sub.add_argument("--filters", "-F", type=_filters, help="filters in the first group")
    sub.add_argument(
        "--penultimate_filters", "-P", type=_filters, help='P of "N @ P", instead of F'
    )
    sub.add_argument("--stem_filters", type=_filters, help="channels of the stem's convolution")
    sub.add_argument(
        "--num_classes",
        type=_classes,
        help="classes of the head; 0 leaves it out",
    )
    sub.add_argument("--image_size", help="224, or HEIGHTxWIDTH")
    sub.add_argument("--skip_reduction", action=argparse.BooleanOptionalAction)
    sub.add_argument("--border_rule", help=", ".join(BORDER_RULES))
    sub.add_argument("--auxiliary_head", action="store_true", default=None)
    sub.add_argument(
        "--cost",
        nargs="?",
        const="",
        metavar="FILE",
        help="predict times by the table of a machine, which cell-search --mode=costs makes "
        "(default: $CELLS_COSTS)",
    )
    sub.add_argument("--batch", type=_batch, default=64, help="images of a predicted step (64)")
    sub.add_argument("--units", type=_filters, default=64, help="of a recurrent cell (64)")
    sub.add_argument("--inputs", type=_filters, help="width of a recurrent cell's inputs (units)")
    sub.add_argument(
        "--auxiliary_scale",
        type=_factor,
        help="factor of the auxiliary head's filters",
    )
