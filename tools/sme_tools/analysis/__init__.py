"""Analyses of what hosts say: pure functions over text and numbers."""
