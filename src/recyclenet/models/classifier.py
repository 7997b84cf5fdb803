"""The network: backbone → attention → average pool → linear head, and the evidence map that this head gives."""

from torch import Tensor, nn
from torch.nn import functional


class BatchDropout(nn.Dropout):
    """Drop-out that draws for a whole batch where its input is a part of one, and drops what it would in the whole."""

    _rows: slice | None = None
    _total = 0

    def take_part(self, rows: slice, total: int) -> None:
        """From here on inputs are these rows of a batch of `total`."""
        self._rows, self._total = rows, total

    def forward(self, features: Tensor) -> Tensor:
        """Features (n, …) → the same shape."""
        if self._rows is None or not self.training or self.p == 0:
            return super().forward(features)
        drawn = functional.dropout(features.new_ones((self._total, *features.shape[1:])), self.p)
        return features * drawn[self._rows]


class Classifier(nn.Module):
    """A convolutional classifier whose head is linear on pooled features.

    Args:
        backbone: images (N, 3, H, W) → features (N, C, h, w).
        attention: features → features of the same shape, or None.
        num_features: C.
        num_classes: K.
        drop_rate: share of pooled features dropped while training.
    """

    def __init__(
        self,
        backbone: nn.Module,
        attention: nn.Module | None,
        num_features: int,
        num_classes: int,
        drop_rate: float = 0.0,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.attention = attention or nn.Identity()
        self.drop = BatchDropout(drop_rate)
        self.head = nn.Linear(num_features, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        """Images (N, 3, H, W), normalised → logits (N, K)."""
        return self.forward_head(self.backbone(images))

    def forward_head(self, features: Tensor) -> Tensor:
        """Backbone features (N, C, h, w) → logits (N, K): attention, pool, drop, linear."""
        logits: Tensor = self.head(self.drop(self.attention(features).mean(dim=(2, 3))))
        return logits

    def forward_evidence(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Images (N, 3, H, W) → logits (N, K) and class evidence maps (N, K, h, w); see `forward_outputs`."""
        return self.forward_outputs(images)[:2]

    def forward_outputs(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Images (N, 3, H, W) → logits (N, K), class evidence maps (N, K, h, w), pooled features (N, C).

        The head is linear and the pool an average, so the head applied at every place gives each place's
        share of the answer: logits are the mean of the maps over h and w (class activation mapping,
        https://arxiv.org/abs/1512.04150, with the bias kept in).
        """
        features = self.attention(self.backbone(images))
        pooled = features.mean(dim=(2, 3))
        logits = self.head(pooled)
        maps = functional.conv2d(features, self.head.weight[:, :, None, None], self.head.bias)
        return logits, maps, pooled
