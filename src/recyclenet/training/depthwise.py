"""Gradients of depthwise convolutions that bfloat16 has no fast kernels for on the CPU.

oneDNN has no fast kernels for two of them and falls back to plain loops: the gradient of a strided one's input, and the
gradient of weights of more than 3×3. Here these are computed in float32. Measured in docs/performance.md.
"""

import contextlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from recyclenet.training.device import Compute

_FAST_SIDE = 3  # the largest kernel whose weights have a fast gradient in bfloat16


def fast_depthwise(compute: Compute) -> contextlib.AbstractContextManager[object]:
    """Forward passes inside, in `compute.autocast()`, get fast gradients; a no-op where they have them already."""
    needed = compute.bf16 and compute.device.type == "cpu"
    return _FastDepthwise() if needed else contextlib.nullcontext()


class _FastDepthwise(TorchFunctionMode):
    """Looks at every convolution and takes the slow ones aside, whatever module they are called by."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        given = kwargs or {}
        if func is functional.conv2d and "input" not in given:
            return _conv2d(*args, **given)
        return func(*args, **given)


def _conv2d(
    images: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | tuple[int, ...] = 1,
    padding: int | tuple[int, ...] | str = 0,
    dilation: int | tuple[int, ...] = 1,
    groups: int = 1,
) -> Tensor:
    """As torch's."""
    strides = _pair(stride)
    depthwise = groups > 1 and groups == images.shape[1] == weight.shape[0]
    slow = depthwise and (max(strides) > 1 or max(weight.shape[2:]) > _FAST_SIDE)
    if not slow or bias is not None or isinstance(padding, str) or not torch.is_grad_enabled():
        return functional.conv2d(images, weight, bias, stride, padding, dilation, groups)
    result: Tensor = _Depthwise.apply(
        images.to(torch.bfloat16), weight.to(torch.bfloat16), strides, _pair(padding), _pair(dilation)
    )
    return result


def _pair(value: int | tuple[int, ...]) -> tuple[int, ...]:
    return (value, value) if isinstance(value, int) else tuple(value)


class _Depthwise(torch.autograd.Function):
    """Forward as it is; backward with each gradient in the type that is fast for it."""

    @staticmethod
    def forward(
        ctx: FunctionCtx,
        images: Tensor,
        weight: Tensor,
        stride: tuple[int, ...],
        padding: tuple[int, ...],
        dilation: tuple[int, ...],
    ) -> Tensor:
        """Images (N, C, H, W) and weight (C, 1, k, k), bfloat16 → (N, C, h, w)."""
        ctx.save_for_backward(images, weight)
        ctx.geometry = stride, padding, dilation  # type: ignore[attr-defined]
        return functional.conv2d(images, weight, None, stride, padding, dilation, len(weight))

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Of images and weight, in bfloat16."""
        images, weight = ctx.saved_tensors
        stride, padding, dilation = ctx.geometry

        def grad(which: int, dtype: torch.dtype) -> Tensor | None:
            if not ctx.needs_input_grad[which]:
                return None
            tensors = (tensor.to(dtype) for tensor in (gradient, images, weight))
            mask = [which == 0, which == 1, False]
            found = torch.ops.aten.convolution_backward(
                *tensors, None, stride, padding, dilation, False, (0, 0), len(weight), mask
            )
            return found[which].to(torch.bfloat16)  # type: ignore[no-any-return]

        of_images = grad(0, torch.float32 if max(stride) > 1 else torch.bfloat16)
        of_weight = grad(1, torch.float32 if max(weight.shape[2:]) > _FAST_SIDE else torch.bfloat16)
        return of_images, of_weight, None, None, None
