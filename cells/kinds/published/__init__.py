"""The published whole networks, a file each."""
