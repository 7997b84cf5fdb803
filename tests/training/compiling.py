"""torch.compile without a compiler, and with an account of what goes through it."""

from functools import partial

import torch

from recyclenet.training.compiled import CompiledStep


def trace_steps(monkeypatch):
    """Steps are traced and differentiated as always; only machine code is not made of them, which would take a minute.

    Returns a list that gets the rows of each batch that comes.
    """
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="aot_eager"))
    taken = []
    call = CompiledStep.__call__
    monkeypatch.setattr(CompiledStep, "__call__", lambda self, inputs: taken.append(len(inputs)) or call(self, inputs))
    return taken
