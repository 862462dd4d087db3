"""The records of a search: trials, their storage, and who may write them."""
