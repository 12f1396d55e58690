"""Checks: conditions over facts that give findings, and the causes between findings."""
