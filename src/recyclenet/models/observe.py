"""What happens inside a network, read through hooks that are always taken off again; no forward is edited."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager

from timm.layers.cbam import CbamModule
from torch import Tensor, nn

from recyclenet.errors import RecycleNetError
from recyclenet.models.attention import SpatialGate
from recyclenet.strict import choices

_BACKBONE = "backbone"


@contextmanager
def observe(model: nn.Module, names: Iterable[str]) -> Iterator[dict[str, Tensor]]:
    """Records what submodules give while the block runs, and takes every hook off at its end, however it ends.

    Yields a dict that fills as the network runs: name → output of that submodule's latest call. The tensors
    are part of the graph, so that gradients can be taken with respect to them. The network goes on with a
    copy of equal values, because many layers write over their input.

    Args:
        model: the network.
        names: of submodules, as in `named_modules()`.

    Raises:
        RecycleNetError: there is no submodule of that name, or (while the network runs) it gives no tensor.
    """
    modules = dict(model.named_modules())
    outputs: dict[str, Tensor] = {}
    with ExitStack() as stack:
        for name in dict.fromkeys(names):
            if name not in modules:
                raise RecycleNetError(f"the network has no layer {name!r}; {choices(name, modules)}")
            stack.callback(modules[name].register_forward_hook(_recorder(name, outputs)).remove)
        yield outputs


def find_layer(model: nn.Module, name: str) -> str:
    """A layer's full name, for names as people write them: those inside the backbone also without its name.

    Raises:
        RecycleNetError: there is no such layer; near matches are listed.
    """
    names = [full for full, _ in model.named_modules() if full]
    for full in (name, f"{_BACKBONE}.{name}"):
        if full in names:
            return full
    raise RecycleNetError(f"unknown layer {name!r}; {choices(name, [n.removeprefix(f'{_BACKBONE}.') for n in names])}")


def find_spatial_gate(model: nn.Module) -> str | None:
    """The name of the last submodule that gives a spatial gate (N, 1, h, w); None where there is none."""
    found = None
    for name, module in model.named_modules():
        if isinstance(module, SpatialGate):
            found = name
        elif isinstance(module, CbamModule):
            found = f"{name}.spatial.gate"
    return found


def _recorder(name: str, outputs: dict[str, Tensor]) -> Callable[[nn.Module, object, object], Tensor]:
    def record(_module: nn.Module, _inputs: object, output: object) -> Tensor:
        if not isinstance(output, Tensor):
            raise RecycleNetError(f"the layer {name!r} gives a {type(output).__name__}, not one tensor")
        outputs[name] = output
        return output.clone()

    return record
