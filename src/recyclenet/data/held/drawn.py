"""Views that are drawn, but not made: what chance decides about each photo in each epoch."""

from collections.abc import Sequence

from recyclenet.config import Augment
from recyclenet.data.batches import Loaded, LoadedPhotos
from recyclenet.data.draws import draw_hidden, draw_view
from recyclenet.data.held.rows import to_row


class DrawnViews(LoadedPhotos):
    """In place of images rows (20,) float64, by the random numbers that a PhotoDataset of the same seed would use.

    Args:
        names: of the photos.
        targets: of each.
        sizes: of each, as decoded: (height, width).
        augment: one of DRAWN_KINDS.
        side: of the views.
        seed: of the run.
    """

    def __init__(
        self,
        names: Sequence[str],
        targets: Sequence[int],
        sizes: Sequence[tuple[int, int]],
        augment: Augment,
        side: int,
        seed: int,
    ) -> None:
        super().__init__(names, targets, seed)
        self.sizes, self.augment, self.side = sizes, augment, side

    def __getitem__(self, place: tuple[int, int]) -> Loaded:
        epoch, index = place
        with self.chance(epoch, index):
            draw = draw_view(self.augment, *self.sizes[index])
            hidden = draw_hidden(self.augment, self.side)
        return Loaded(to_row(index, draw, hidden), self.targets[index])
