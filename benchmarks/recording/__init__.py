"""How rows of docs/figures.json are made, marked and checked (`python -m benchmarks.figures`)."""
