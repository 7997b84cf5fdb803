"""Features of the stages that stay as they are, computed once and kept on disk, so that the rest trains in seconds."""

import json
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import cast

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from recyclenet.atomic import make_folder, remove_leftovers, replace_file
from recyclenet.tensor_file import write_tensors


class FeatureCache:
    """A folder of feature maps, one file a view: (n, C, h, w) float16, in the order of the photos.

    Args:
        folder: made when first written to.
        key: what the features depend on (weights, data, augmentation, preprocessing); files with another key
            are computed anew.
    """

    def __init__(self, folder: str | Path, key: str = "") -> None:
        self.folder = Path(folder)
        self.key = key

    def view(
        self, name: str, compute: Callable[[], Iterable[Tensor]], unreadable: dict[str, str] | None = None
    ) -> Tensor:
        """The features of one view, from disk or from `compute`, which yields batches (N, C, h, w).

        Args:
            name: of the view.
            compute: called where the disk has none that are current.
            unreadable: photos whose features mean nothing, with reasons: what `compute` puts there is kept with the
                features, and is there again when they come from disk.

        Returns:
            (n, C, h, w) float16; backed by the file, so that memory holds no more than what is in use.
        """
        path = self._path(name)
        unreadable = {} if unreadable is None else unreadable
        if not self._is_current(path):
            make_folder(self.folder)
            computed = torch.cat([batch.to("cpu", torch.float16) for batch in compute()])
            with replace_file(path) as temporary:
                metadata = {"key": self.key, "unreadable": json.dumps(unreadable)}
                write_tensors(temporary, {"features": computed.contiguous()}, metadata)
        with safe_open(path, framework="pt", device="cpu") as opened:
            features = opened.get_tensor("features")
            unreadable |= json.loads((opened.metadata() or {}).get("unreadable", "{}"))
        return cast(Tensor, features)

    def has(self, name: str) -> bool:
        """Whether the disk has a view that is current."""
        return self._is_current(self._path(name))

    def remove(self) -> None:
        """Deletes the files: they are large, and of no use when the run is done."""
        if self.folder.is_dir():
            remove_leftovers(self.folder)
            for path in self.folder.glob("*.safetensors"):
                path.unlink()
            with suppress(OSError):  # what somebody else put there stays, and so does the folder
                self.folder.rmdir()

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.safetensors"

    def _is_current(self, path: Path) -> bool:
        try:
            with safe_open(path, framework="pt", device="cpu") as opened:
                return bool((opened.metadata() or {}).get("key") == self.key)
        except (SafetensorError, OSError):
            return False


def gather(views: Sequence[Tensor], places: Sequence[tuple[int, int]]) -> Tensor:
    """(N, C, h, w) float32 for places (view, index)."""
    if not places:
        return views[0][:0].float()
    return torch.stack([views[view][index] for view, index in places]).float()
