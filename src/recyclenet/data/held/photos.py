"""Decoded photos in a device's memory: those of one size lie in one tensor, so that a camera's photos are one."""

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor


class HeldPhotos:
    """Photos by number.

    Args:
        photos: (3, H, W) uint8 each, of any sizes, in order; taken one at a time.
        device: where they are to lie.
    """

    def __init__(self, photos: Iterable[Tensor], device: torch.device) -> None:
        self.device = device
        numbers: dict[tuple[int, int], int] = {}
        alike: list[list[Tensor]] = []
        places = []
        sizes = []
        for photo in photos:
            size = (photo.shape[1], photo.shape[2])
            group = numbers.setdefault(size, len(numbers))
            if group == len(alike):
                alike.append([])
            places.append((group, len(alike[group])))
            sizes.append(size)
            alike[group].append(photo.to(device, copy=True))  # not the memory of the process that read it
        self.sizes = tuple(sizes)
        self._places = torch.tensor(places).reshape(-1, 2)
        self._alike = []
        while alike:  # one size after the other, so that only one lies there twice at a time
            self._alike.append(torch.stack(alike.pop(0)))

    def __len__(self) -> int:
        return len(self.sizes)

    @property
    def num_bytes(self) -> int:
        """What they take."""
        return sum(photos.numel() for photos in self._alike)

    def take(self, numbers: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """Photos of one size together: their places among the numbers, (n,) int64, and (n, 3, H, W) uint8.

        Args:
            numbers: (N,) int64 on the CPU, which may repeat.
        """
        groups, within = self._places[numbers].unbind(dim=1)
        for group in torch.unique(groups).tolist():
            places = (groups == group).nonzero()[:, 0]
            yield places, self._alike[group][within[places].to(self.device, non_blocking=True)]
