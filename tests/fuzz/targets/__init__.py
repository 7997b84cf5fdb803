"""The readers that are fuzzed: each module has its `TARGET`."""

import importlib

from tests.fuzz.hostile import Target

TARGETS = ("photo", "checkpoint", "original", "onnx", "splits", "rules", "config", "zip_source", "tar_shard")


def load_target(name: str) -> Target:
    """Imports only what this reader needs."""
    target: Target = importlib.import_module(f"tests.fuzz.targets.{name}").TARGET
    return target
