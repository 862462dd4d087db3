"""`cell-transfer` as one of several workers, which in the end writes its weights to a file.

python run_worker.py WEIGHTS ARGUMENTS...
"""

from __future__ import annotations

import sys

WEIGHTS = sys.argv.pop(1)


def main() -> None:
    import numpy as np

    from transfer import __main__
    from transfer.training import runner, task

    built = []

    class Kept(task.ClassificationTask):
        def build_model(self):
            built.append(super().build_model())
            return built[-1]

    def run(*arguments):
        result = own_run(*arguments, task_class=Kept)
        np.savez(WEIGHTS, *(weight.numpy() for weight in built[-1].trainable_weights))
        return result

    own_run, runner.run = runner.run, run
    __main__.main()


if __name__ == "__main__":
    main()
