"""The files in configs/cluster/ name what exists."""

from __future__ import annotations

import pathlib
import re
import shutil
import subprocess

import pytest
import yaml
from search_commands import ROOT

from cell_search import cli
from cell_search.config import comparison, resolve, schema
from cells.support import overrides

CLUSTER = ROOT / "configs" / "cluster"

_SETTINGS = sorted(p for p in CLUSTER.glob("*.yaml") if p.name != "kubernetes.yaml")


@pytest.mark.parametrize("path", _SETTINGS, ids=lambda p: p.stem)
def test_settings_exist_and_add_to_any_recipe(path: pathlib.Path) -> None:
    recipe = ROOT / "configs" / "search" / "nasnet_paper.yaml"
    alone = overrides.override(schema.SearchConfig(), [str(recipe)])
    both = overrides.override(schema.SearchConfig(), [str(recipe), str(path)])
    search = resolve.resolve(both)
    own = yaml.safe_load(path.read_text())
    assert set(own) <= {"pool", "report_minutes"}, "nothing that belongs to the recipe"
    kind = own["pool"]["type"]
    given = own["pool"][kind]
    assert {name: getattr(search.pool, name) for name in given} == given
    # A search that was begun without it may go on with it.
    comparison.require_same(both, schema.used_values(alone), "config.yaml")


def test_the_ray_cluster_is_whole() -> None:
    claim, cluster = yaml.safe_load_all((CLUSTER / "kubernetes.yaml").read_text())
    assert (cluster["apiVersion"], cluster["kind"]) == ("ray.io/v1", "RayCluster")
    (locked,) = re.findall(r"^ray==(\S+)", (ROOT / "requirements.lock").read_text(), re.M) or [None]
    if locked is not None:
        assert cluster["spec"]["rayVersion"] == locked
    spec = cluster["spec"]
    (workers,) = spec["workerGroupSpecs"]
    assert workers["minReplicas"] <= workers["replicas"] <= workers["maxReplicas"]
    # A pod has the room of exactly one worker.
    wanted = yaml.safe_load((CLUSTER / "ray.yaml").read_text())["pool"]["ray"]
    pods = [spec["headGroupSpec"]["template"]["spec"], workers["template"]["spec"]]
    limits = pods[1]["containers"][0]["resources"]["limits"]
    assert int(limits["cpu"]) == wanted["cpus"] and int(limits["nvidia.com/gpu"]) == wanted["gpus"]
    assert spec["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
    for pod in pods:
        (volume,) = pod["volumes"]
        assert volume["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
        (container,) = pod["containers"]
        assert [m["name"] for m in container["volumeMounts"]] == [volume["name"]]
        assert container["image"] == pods[0]["containers"][0]["image"]


@pytest.mark.parametrize("name", ["slurm.sh", "kubernetes.yaml", "eight_gpus.yaml", "ray.yaml"])
def test_the_commands_in_it_have_flags_and_files_that_exist(name: str) -> None:
    text = (CLUSTER / name).read_text()
    files = re.findall(r"configs/[\w/.]+\w", text)
    assert files and all((ROOT / file).exists() for file in files)
    known = re.findall(r"DEFINE_\w+\(\s*\"(\w+)\"", pathlib.Path(cli.__file__).read_text())
    known += ["config_file", "params_override"]
    text = re.sub(r"\\\n[# ]*", "", text)
    (command, *_) = re.findall(r"cell-search (--search_dir.*)", text)
    assert set(re.findall(r"--(\w+)=", command)) <= set(known)
    for keys in re.findall(r"--params_override=\"?([\w.]+)=", command):
        schema.SearchConfig().override({**_nested(keys)}, is_strict=True)


def _nested(keys: str) -> dict:
    head, _, rest = keys.partition(".")
    return {head: _nested(rest) if rest else None}


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_the_job_script_is_bash() -> None:
    path = CLUSTER / "slurm.sh"
    subprocess.run(["bash", "-n", str(path)], check=True, timeout=60)
    lines = path.read_text().splitlines()
    directives = [i for i, line in enumerate(lines) if line.startswith("#SBATCH")]
    commands = [i for i, line in enumerate(lines[1:], 1) if line and not line.startswith("#")]
    assert max(directives) < min(commands), "SLURM reads no directive after the first command"
