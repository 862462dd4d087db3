"""Programs that measure; each ends in one JSON line of figures."""
