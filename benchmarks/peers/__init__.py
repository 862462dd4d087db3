"""Methods of other libraries, and a baseline, that take part in comparisons on tables, by name."""

from benchmarks.peers.botorch import BoTorch
from benchmarks.peers.ridge import Ridge

PEERS = {"peer:botorch": BoTorch, "peer:ridge": Ridge}
