"""What came of a run: one page that needs nothing else, and the same as JSON."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Iterator
from html import escape
from typing import Any

from auto import pretrained
from auto.budget import Budget
from auto.entrants import FOUND, RESIDUAL, Entrant, called
from auto.record import Settings
from auto.screen import outcome
from auto.test_split import Divided
from cell_search.output.progress import duration
from cell_search.output.results import versions
from cells import drawing, shipped
from cells.genotype import genotype_file
from cells.support import html
from cells.support.files import write_atomically, write_json
from cells.support.html import number, pairs, row, table

#: What people call the steps.
NAMES = {
    "images": "images to a data set",
    "search": "search of cells",
    "race": "race of the networks",
    "training": "training of the winner",
    "test": "test",
    "export": "export",
}


def write(
    folder: pathlib.Path,
    settings: Settings,
    results: dict[str, Any],
    budget: Budget,
    genotype: pathlib.Path,
) -> tuple[str, str]:
    """Writes `report.html` and `report.json`.

    Args:
        folder: of the run.
        settings: what was asked for.
        results: of all steps.
        budget: with the time that each took.
        genotype: file of the cells.

    Returns:
        The paths of both.

    Raises:
        UserError: one cannot be written.
    """
    told = _facts(settings, results, budget)
    page, data = folder / "report.html", folder / "report.json"
    write_json(data, told)
    parts = [*_parts(folder, settings, results, told, genotype)]
    write_atomically(page, html.page(f"Classifier of {settings.images}", parts).encode())
    return str(page), str(data)


def _facts(settings: Settings, results: dict[str, Any], budget: Budget) -> dict[str, Any]:
    divided = Divided(**results["images"])
    return {
        "settings": dataclasses.asdict(settings),
        "images": {
            "training": divided.training,
            "testing": divided.testing,
            "unreadable": divided.unreadable,
            "turned": divided.turned,
            "classes": list(divided.classes),
            "share_of_the_largest_class": divided.largest,
        },
        "seconds": {step: round(seconds, 1) for step, seconds in budget.spent.items()},
        "seconds_in_all": round(sum(budget.spent.values()), 1),
        "seconds_by_the_rule": {"search": round(budget.searching, 1)},
        "seconds_kept_back": round(results["kept_back"], 1),
        "network": results["training"]["network"],
        "search": results.get("search"),
        "race": results["race"],
        "precision": results.get("precision", "float32"),
        "training": results["training"],
        "test": results["test"],
        "files": results["export"]["files"],
        "versions": versions(),
    }


def _parts(
    folder: pathlib.Path,
    settings: Settings,
    results: dict[str, Any],
    told: dict[str, Any],
    genotype: pathlib.Path,
) -> Iterator[str]:
    test, training, images = told["test"], told["training"], told["images"]
    name, epochs = pathlib.Path(settings.images).name, training["epochs"]
    yield f"<h1>Classifier of <q>{escape(name)}</q></h1>"
    yield (
        f"<p class=lead>{len(images['classes'])} classes, told apart by {_origin(settings, told)}. "
        f"The accuracy is that on {images['testing']:,} images which no step before had seen.</p>"
    )
    yield html.tiles(
        [
            ("accuracy on test images", f"{test['accuracy']:.1%}"),
            ("with 95 % confidence", interval(test["accuracy"], test["images"])),
            ("always the largest class", f"{images['share_of_the_largest_class']:.1%}"),
            ("training images", f"{images['training']:,}"),
            ("network", training["network"]),
            ("each image was trained on", f"{epochs:,.{0 if epochs >= 10 else 1}f} times"),
            ("time", duration(told["seconds_in_all"])),
            ("budget", duration(settings.budget)),
        ]
    )
    yield "<h2>Where the time went</h2>"
    yield table(["step", "took", "what came of it"], _times(results, told))
    yield (
        f"<p class=legend>{_searched(settings)}{duration(told['seconds_kept_back'])} are kept back "
        "for what follows the training; race and training get all that remains.</p>"
    )
    yield "<h2>The race</h2>"
    rungs = told["race"]["rungs"]
    heads = ["network", "a step", *(f"rung {i + 1}" for i in range(len(rungs))), ""]
    yield table(heads, _race(told["race"]))
    yield (
        f"<p class=legend>{_about_rungs(told['race'])}Networks are made of N cells in each of "
        "three groups, with F channels in the first: more of either make it larger, slower and "
        "often better.</p>"
    )
    yield "<h2>The cells</h2>"
    if training["cells"] == RESIDUAL:
        yield "<p>The residual network has none; these are the best cells of the race.</p>"
    svg = drawing.adaptive_svg(genotype_file.read(genotype)).encode()
    yield (
        f'<div class=cells><img src="{html.data_url(svg, "image/svg+xml")}" '
        'alt="Normal and Reduction cell"></div>'
    )
    yield "<h2>Class by class</h2>"
    yield table(["class", "test images", "accuracy", "precision"], _classes(test["by_class"]))
    matrix = (folder / "training" / "evaluation.png").read_bytes()
    yield (
        f'<div class=cells><img class=plot src="{html.data_url(matrix, "image/png")}" '
        'alt="Confusion matrix: a row is a class, shares of its images by guess"></div>'
    )
    yield "<h2>How to use it</h2>"
    yield (
        "<pre>cell-transfer --mode=predict --model_dir=training photo.jpg</pre>"
        "<p>Run it in the folder of this page. <code>exported/classifier.keras</code> opens with "
        "Keras alone, <code>exported/classifier.tflite</code> runs on phones; "
        "<code>exported/classifier.json</code> says what they take.</p>"
    )
    settings_table = pairs(
        {
            "images": settings.images,
            "size": f"{settings.size}x{settings.size}",
            "mirrored at random": "yes" if settings.flip else "no",
            "seed": settings.seed,
            "files that could not be read": images["unreadable"],
            "images turned upright, as their EXIF data say": images["turned"],
            "entrants": settings.entrants,
            "unequal classes": settings.balance,
            "precision of convolutions": told["precision"],
            "weights that took part": settings.weights or "none were given",
            "weights of the package": "took part" if _came_along(told) else "did not take part",
        }.items()
    )
    yield html.folded("Settings", settings_table)
    yield html.folded("Versions", pairs(told["versions"].items()))


def interval(accuracy: float, images: int) -> str:
    """Where the accuracy on all such images lies (Wilson 1927): also of none wrong, not a point.

    Example:
        >>> interval(1.0, 17)
        '81.6 to 100.0%'
    """
    from scipy import stats

    tested = stats.binomtest(round(accuracy * images), images)
    low, high = tested.proportion_ci(method="wilson")
    return f"{100 * low:.1f} to {high:.1%}"


def _origin(settings: Settings, told: dict[str, Any]) -> str:
    cells = told["training"]["cells"]
    if cells == RESIDUAL and not told["race"]["rungs"]:
        return "a residual network, as there was no time to compare it with networks of cells"
    if cells == RESIDUAL:
        return "a residual network, which was better than networks of cells"
    name = escape(called(cells))
    if pretrained.pretrained(cells):
        return f"a network that began with trained weights (<b>{name}</b>)"
    if settings.genotype:
        return f"a network of the cells that were given (<b>{name}</b>)"
    # Runs from before the cells of a search had names of their own read them in its folder.
    if pathlib.PurePath(cells).parts[0] in (FOUND, "search"):
        return f"a network of cells that a search on these images found (<b>{name}</b>)"
    return f"a network of the cells <b>{name}</b>, the best of those that raced"


def _came_along(told: dict[str, Any]) -> bool:
    return any(cells in shipped.weights() for cells, *_ in told["race"]["entrants"])


def _searched(settings: Settings) -> str:
    if not settings.search:
        return "Nothing was searched. "
    return f"The search gets {settings.search:.0%} of the budget. "


def _about_rungs(race: dict[str, Any]) -> str:
    if len(race["entrants"]) < 2:
        return "Nobody else took part. "
    if not race["rungs"]:
        return "There was no time to compare them. "
    end = "There was no time for another rung: the best so far was trained on. "
    return (
        "Accuracy on training images that were held out, and the steps before it, each of a "
        "minibatch. In each rung all train for equally long, and the worse half leaves. "
        f"{end if race.get('short') else ''}"
    )


def _race(race: dict[str, Any]) -> Iterator[str]:
    names = [Entrant(*each).name for each in race["entrants"]]
    for name in sorted(names, key=lambda n: -sum(n in rung["scores"] for rung in race["rungs"])):
        cost = race["costs"].get(name)
        cells = [f"{1000 * cost[0]:.0f} ms" if cost else ""]
        for rung in race["rungs"]:
            score, steps = rung["scores"].get(name), rung["steps"].get(name)
            cells.append(f"{score[0]:.1%} ({steps:,})" if score else "")
        told = "trained on" if name == race["winner"] else ""
        yield row([name, *cells, race["failed"].get(name, told)])


def _times(results: dict[str, Any], told: dict[str, Any]) -> Iterator[str]:
    for step, seconds in told["seconds"].items():
        given = told["seconds_by_the_rule"].get(step)
        took = duration(seconds) + (f" of {duration(given)}" if given else "")
        yield row([NAMES.get(step, step), took, outcome(step, results.get(step, {}))])


def _classes(by_class: list[dict[str, Any]]) -> Iterator[str]:
    def share(value: float | None) -> str:
        return "-" if value is None else f"{value:.1%}"

    for one in by_class:
        yield row(
            [one["class"], number(one["images"]), share(one["accuracy"]), share(one["precision"])]
        )
