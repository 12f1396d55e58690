"""What touches hosts, and nothing else does: transports, probes, checks, redaction."""
