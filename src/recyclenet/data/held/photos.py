"""Decoded photos in a device's memory: those of one size lie in one tensor, so that a camera's photos are one."""

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor


class HeldPhotos:
    """Photos by number.

    Args:
        photos: (3, H, W) uint8 each, on the CPU, of any sizes, in order; taken one at a time.
        device: where they are to lie. They are gathered on the CPU and go there one size after the other.
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
            alike[group].append(photo.clone())  # not the memory of the process that read it
        self.sizes = tuple(sizes)
        groups, within = torch.tensor(places).reshape(-1, 2).unbind(dim=1)
        self._groups, self._within = groups, within.to(device)
        self._alike = []
        while alike:
            self._alike.append(torch.stack(alike.pop(0)).to(device))

    def __len__(self) -> int:
        return len(self.sizes)

    def take(self, numbers: Tensor, there: Tensor) -> Iterator[tuple[Tensor | None, Tensor]]:
        """Photos of one size together.

        Args:
            numbers: (N,) int64 on the CPU, which may repeat.
            there: the same on the device.

        Yields:
            Their places among the numbers, (n,) int64 on the device, None where they are all; and (n, 3, H, W) uint8.
        """
        groups = self._groups[numbers]
        found = torch.unique(groups).tolist()
        if len(found) == 1:
            yield None, self._alike[found[0]][self._within[there]]
            return
        for group in found:
            places = (groups == group).nonzero()[:, 0].to(self.device, non_blocking=True)
            yield places, self._alike[group][self._within[there[places]]]
