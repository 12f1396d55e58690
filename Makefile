# The same commands as `python3 run.py`, for those who type make.
#
#   make diagnose                        this very machine
#   make diagnose ARGS='web1 "slow"'     another one
#   make test ARGS='-k probes'
#   make test PYTHON=python3.12
#
# make itself ends with 2 whatever the command ended with; for the exit code, use run.py.

PYTHON ?= python3
MAKEFLAGS += --no-print-directory

.PHONY: help diagnose sme test check bench docs lock
help:
	@"$(PYTHON)" run.py --help

diagnose sme test check bench docs lock:
	@"$(PYTHON)" run.py $@ $(ARGS)
