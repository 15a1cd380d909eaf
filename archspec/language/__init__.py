"""The language: from the text of a spec to a graph."""
