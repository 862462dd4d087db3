"""Methods of other libraries, and a baseline, that take part in comparisons on tables, by name."""

from benchmarks.peers.botorch import BoTorch
from benchmarks.peers.hyperopt import Hyperopt
from benchmarks.peers.optuna_gp import OptunaGP
from benchmarks.peers.ridge import Ridge
from benchmarks.peers.smac import Smac

PEERS = {
    "peer:botorch": BoTorch,
    "peer:hyperopt": Hyperopt,
    "peer:optuna_gp": OptunaGP,
    "peer:ridge": Ridge,
    "peer:smac": Smac,
}
