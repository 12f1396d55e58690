"""The conversation on a terminal, and its plain and JSON forms."""
