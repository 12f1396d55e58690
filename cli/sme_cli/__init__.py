"""The faces: commands and their screens."""
