"""Probes, one module a domain. `sme_tools.probes.registry` explains what a probe is."""
