"""Rendering, in one place for each kind of thing: for a terminal, for a pipe, and as JSON."""
