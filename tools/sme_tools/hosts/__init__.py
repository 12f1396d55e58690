"""Hosts and the transports that reach them."""
