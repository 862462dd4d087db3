"""ENAS: candidates are scored with one set of shared weights."""
