"""A small project with its own repository, one benchmark, and a page that quotes it."""

from __future__ import annotations

import pathlib
import subprocess
import textwrap

TABLE = {"01-tiny": "-m benchmarks.tiny --settings=tiny.yaml"}

FILES = {
    ".gitignore": "__pycache__/\n",
    "tiny.yaml": "# Two.\nfactor: 2\n",
    "arithmetic/__init__.py": "",
    "arithmetic/sums.py": '''
        """Sums."""

        def double(x):
            """Twice as much."""
            if x < 0:
                raise ValueError("negative")
            return 2 * x
        ''',
    "arithmetic/other.py": "def half(x):\n    return x / 2\n",
    "benchmarks/__init__.py": "",
    # Prints what `benchmarks.report` prints, without a copy of it.
    "benchmarks/tiny.py": """
        import json

        from arithmetic import sums

        LIMITS = {"twice two": ("== 4", 2, "nothing doubled")}


        def main():
            value = sums.double(2)
            common = {"error": None, "note": ""}
            figures = [
                {"name": "twice two", "value": value, "kind": "requirement", "limit": "== 4",
                 "ok": value == 4, **common},
                {"name": "twice a third", "value": round(sums.double(1 / 3), 4),
                 "kind": "observation", "limit": "", "ok": True, **common},
            ]
            print(json.dumps({"figures": figures, "seeds": "none"}))


        if __name__ == "__main__":
            main()
        """,
    "docs/page.md": "Two thirds are 66.7 %<!-- fig 01-tiny twice a third -->.\n",
}


class Project:
    """The small project.

    Args:
        root: where it lies.
    """

    def __init__(self, root: pathlib.Path):
        self.root = root

    def git(self, *arguments: str) -> str:
        identity = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
        done = subprocess.run(
            ["git", *identity, *arguments], cwd=self.root, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def put(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text).lstrip("\n"))

    def change(self, path: str, old: str, new: str) -> None:
        text = (self.root / path).read_text()
        assert old in text
        (self.root / path).write_text(text.replace(old, new))

    def commit(self, message: str) -> str:
        self.git("add", "-A")
        self.git("commit", "-q", "-m", message)
        return self.git("rev-parse", "HEAD")


def make(root: pathlib.Path) -> Project:
    """All committed, nothing measured."""
    root.mkdir()
    made = Project(root)
    for path, text in FILES.items():
        made.put(path, text)
    made.git("init", "-q")
    made.commit("A benchmark")
    return made
