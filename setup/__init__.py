"""How the project sets itself up: used by run.py alone, and never installed."""
