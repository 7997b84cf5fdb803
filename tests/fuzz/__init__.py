"""Readers fed with hostile files: a bounded sample in `make test`, the long version by `python -m tests.fuzz`."""
