"""Passes: one file is one function from a graph to a graph, named after the file."""
