"""What a candidate costs: times of pieces, measured once on a machine, and their sums."""
