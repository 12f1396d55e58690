"""What the project promises, measured: `make bench`, or `python -m benchmarks NAME…`."""
