"""What a search leaves: provenance, train.yaml, report; and the modes that write it again."""

from __future__ import annotations

import html.parser
import json
import pathlib
import re
import shutil
import sys

import pytest
import yaml
from folders import write
from forked_commands import run_forked
from search_commands import run_command

from cell_search.config import resolve, schema
from cell_search.output import train_file
from cell_search.output.charts import curve
from cell_search.output.charts._frame import ticks
from cells.genotype import genotype_file


@pytest.fixture(scope="module")
def searched(digits_dir: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A finished search of 12 candidates by their parameters, made by the command line."""
    folder = tmp_path_factory.mktemp("results")
    # A name with markup: it is shown in the report.
    path = folder / "<i>search & co"
    done = run_command(
        [
            sys.executable,
            "-m",
            "cell_search",
            f"--search_dir={path}",
            f"--data_dir={digits_dir}",
            "--seed=3",
            "--params_override=space.blocks=2,strategy.type=random,trials=12,top=3,"
            "evaluator.type=parameters,evaluator.parameters.normal_cells=1,"
            "evaluator.parameters.filters=4,images.name=digits",
        ]
    )
    assert done.returncode == 0, done.stderr
    begun, *lines, summary = done.stdout.splitlines()[:14]
    assert begun == f"searches in {path}; TensorFlow is being loaded"
    assert [line.split("  ")[1] for line in lines] == [f"{i}/12" for i in range(1, 13)]
    most = max(
        (line.split("  ")[2] for line in lines), key=lambda told: int(re.sub(r"\D", "", told))
    )
    assert summary.startswith(f"12 trials (12 with a score), best {most} (trial ")
    assert done.stdout.splitlines()[14:] == [
        str(path / name) for name in ("genotype.json", "train.yaml", "report.html")
    ]
    return path


def test_the_genotype_says_where_it_comes_from(searched: pathlib.Path) -> None:
    genotype = genotype_file.read(searched / "genotype.json")
    provenance = genotype.provenance
    assert provenance["space"] == "nasnet"
    assert provenance["strategy"] == "random"
    assert provenance["dataset"] == "digits"
    assert provenance["seed"] == 3
    assert provenance["settings"]["evaluator.parameters.filters"] == 4
    assert "strategy.regularized_evolution.population" not in provenance["settings"]
    assert set(provenance["versions"]) >= {"transferable-cells", "tensorflow", "keras", "optuna"}


def test_the_best_are_in_order_and_different(searched: pathlib.Path) -> None:
    best = [genotype_file.read(path) for path in sorted((searched / "top").iterdir())]
    scores = [genotype.provenance["score"]["parameters"] for genotype in best]
    assert len(best) == 3
    assert scores == sorted(scores, reverse=True)
    assert len({g.name for g in best}) == 3


def test_export_and_report_write_the_same_again(
    searched: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(searched, moved)
    for name in ("genotype.json", "train.yaml", "report.html"):
        (moved / name).unlink()
    shutil.rmtree(moved / "top")
    exported = run_command(
        [sys.executable, "-m", "cell_search", f"--search_dir={moved}", "--mode=export"]
    )
    assert exported.returncode == 0, exported.stderr
    assert (moved / "genotype.json").read_text() == (searched / "genotype.json").read_text()
    assert sorted(p.name for p in (moved / "top").iterdir()) == ["01.json", "02.json", "03.json"]
    assert not (moved / "report.html").exists()
    reported = run_command(
        [sys.executable, "-m", "cell_search", f"--search_dir={moved}", "--mode=report"]
    )
    assert reported.returncode == 0, reported.stderr
    assert (moved / "report.html").exists()


class _Page(html.parser.HTMLParser):
    """Checks that every element is closed, and collects what the page would load."""

    void = frozenset({"meta", "source", "img", "line", "path", "circle"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loads: list[str] = []
        self.text: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.tags.append(tag)
        self.loads += [v for k, v in attrs if k in ("src", "srcset", "href") and v]
        if tag not in self.void:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.void:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_the_report_is_one_page_that_needs_nothing_else(searched: pathlib.Path) -> None:
    source = (searched / "report.html").read_text()
    page = _Page()
    page.feed(source)
    assert page.open == []
    assert "script" not in page.tags
    # Three cells, all inside the page.
    assert len(page.loads) == 3
    assert all(load.startswith("data:image/svg+xml;base64,") for load in page.loads)
    assert not re.search(r"url\(|@import", source.split("</style>")[0])
    text = " ".join(page.text)
    assert "<i>search & co" in text
    assert "i" not in page.tags
    assert "12 of 12" in text
    assert page.tags.count("circle") == 12
    assert "cell-transfer --mode=train_and_eval --config_file=train.yaml" in text
    assert "evaluator.parameters.filters" in text


def test_the_transfer_stage_takes_train_yaml(
    searched: pathlib.Path, digits_dir: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    """The network that it lays out is the one that the search counted."""
    done = run_command(
        [
            sys.executable,
            "-m",
            "transfer",
            "--mode=summary",
            f"--config_file={searched / 'train.yaml'}",
            f"--output={tmp_path / 'summary.json'}",
        ]
    )
    assert done.returncode == 0, done.stderr
    counted = genotype_file.read(searched / "genotype.json").provenance["score"]["parameters"]
    assert json.loads((tmp_path / "summary.json").read_text())["trainable"] == counted


def test_train_yaml_opens_with_the_command_and_scores_on_the_test_split(
    searched: pathlib.Path,
) -> None:
    text = (searched / "train.yaml").read_text()
    assert f"--config_file={searched / 'train.yaml'}" in text
    task = yaml.safe_load(text)["task"]
    assert task["train_data"]["tfds_split"] == "train"
    assert task["validation_data"]["tfds_split"] == "test"
    assert task["model"]["cells"]["genotype"] == "genotype.json"


def test_a_set_without_test_split_is_divided(data_dir: pathlib.Path) -> None:
    settings = {"name": "imagenet2012", "data_dir": str(data_dir), "size": 32, "split": "train"}
    values = schema.from_values({"images": settings}, "test")
    search = resolve.resolve(values)
    written = train_file.train_settings(search)["task"]
    assert written["validation_data"]["tfds_split"] == "validation"
    assert written["model"]["input_size"] == [32, 32, 3]


@pytest.mark.parametrize(
    ("low", "high"), [(0.1, 0.35), (0.5, 0.5), (0.0, 0.0), (-3.0, 4e6), (0.27, 0.2700001)]
)
def test_ticks_are_round_and_enclose(low: float, high: float) -> None:
    marks = ticks(low, high)
    assert marks[0] <= low <= high <= marks[-1]
    assert 2 <= len(marks) <= 8
    assert marks == sorted(set(marks))


def test_the_curve_only_rises_and_failed_trials_are_shown() -> None:
    svg = curve([(0, None), (1, 0.2), (2, 0.1), (3, 0.4)], "<accuracy>")
    assert svg.count("<circle") == 3
    assert svg.count("class=failed") == 1
    (path,) = re.findall(r'class=best d="([^"]+)"', svg)
    heights = [float(y) for y in re.findall(r"V([\d.]+)", path)]
    start = float(re.findall(r"^M[\d.]+ ([\d.]+)", path)[0])
    assert heights and heights[0] < start, "up on the screen is a smaller y"
    assert "<accuracy>" not in svg


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "--search_dir: is needed here"),
        (["--search_dir=nowhere", "--mode=report"], "--search_dir: there is no search in nowhere"),
        (["--search_dir=new", "--params_override=images.name=digitz"], "digits"),
        (["--search_dir=new", "--config_file=missing.yaml"], "missing.yaml: there is no such"),
        (["--search_dir=new", "--mode=rerun"], "see cell-search --help"),
        (
            ["--search_dir=new", "--data_dir=made", "--params_override=strategy.first=[nasnet_b]"],
            "did you mean 'nasnet_a'",
        ),
        (
            [
                *("--search_dir=new", "--data_dir=made"),
                "--params_override=images.name=digits,pool=processes,evaluator=shared_weights",
            ],
            "whose candidates are scored one after the other",
        ),
        (
            ["--search_dir=new", "--params_override=seed=1", "--params_override=trials=2"],
            "--params_override=trials=2: already defined as seed=1",
        ),
    ],
)
def test_bad_input_ends_in_one_sentence_and_writes_nothing(
    arguments: list[str], sentence: str, tmp_path: pathlib.Path
) -> None:
    done = run_forked("cell_search", *arguments, folder=tmp_path)
    assert done.returncode == 2, done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("cell-search: ")
    assert sentence in last
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_facts_are_lines_of_the_program_and_those_of_libraries_are_left_out(
    tmp_path: pathlib.Path,
) -> None:
    write(tmp_path / "photos", {"red": 8, "green": 8})
    (tmp_path / "photos" / "red" / "notes.txt").write_text("none of mine")
    images = "images.name=./photos,images.split=train"
    done = run_forked(
        *("cell_search", "--search_dir=new", "--data_dir=made", f"--params_override={images}"),
        folder=tmp_path,
    )
    begun = "searches in new; TensorFlow is being loaded\n"
    assert (done.returncode, done.stdout) == (2, begun)
    lines = done.stderr.splitlines()
    assert all(line.startswith("cell-search: ") for line in lines), lines
    assert "16 image files in 2 classes are converted" in lines[0]
    assert "cell-search: files that were left out: 1 .txt" in lines
    assert len(lines) == 4 and "images.held_out: 5,000 of the 12 images" in lines[-1]
