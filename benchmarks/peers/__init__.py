"""Methods of other libraries that take part in comparisons on tables, by name."""

from benchmarks.peers.botorch import BoTorch

PEERS = {"peer:botorch": BoTorch}
