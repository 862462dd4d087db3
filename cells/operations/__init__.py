"""The named operations as graphs of primitives, and what a graph costs."""
