"""Every word that a model is told, as files, and their loader."""
