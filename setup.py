"""What pyproject.toml cannot say: `configs` and the pages of `docs` are installed inside `cells`.

A wheel holds them as `cells/_configs` and `cells/_docs` (`cells.shipped` finds them), so
that no package named `configs` lands among those of other projects.
"""

from setuptools import setup
from setuptools.command.build_py import build_py

#: Folders of files without code, by the package as which they are installed.
DATA = {"cells._configs": "configs", "cells._docs": "docs"}


class _BuildWithData(build_py):
    def finalize_options(self):
        super().finalize_options()
        self.packages = [*self.packages, *DATA]
        self.package_dir = {**self.package_dir, **DATA}

    def find_package_modules(self, package, package_dir):
        return [] if package in DATA else super().find_package_modules(package, package_dir)


setup(cmdclass={"build_py": _BuildWithData})
