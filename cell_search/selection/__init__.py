"""Which candidates are worth more: the sieve before a search, the re-ranking after it."""
