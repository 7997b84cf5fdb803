"""Every photo twice, on its board and on a made-up surface: what an item is does not depend on where it lies."""

from torch import Tensor
from torch.nn import functional


def in_turn(images: Tensor) -> Tensor:
    """Two views a photo, one over the other (N, 6, H, W) → (2N, 3, H, W): a photo's two views follow each other."""
    return images.reshape(-1, 3, *images.shape[2:])


def disagreement(logits: Tensor) -> Tensor:
    """How far the answers elsewhere are from those on the board: Kullback-Leibler divergence, mean over photos.

    The board is where the labels were learnt: its answers are what is asked for, and nothing flows back into them.
    Source: consistency training, https://arxiv.org/abs/1904.12848

    Args:
        logits: (2N, K), of views as `in_turn` gives them.
    """
    on_board, elsewhere = functional.log_softmax(logits.float(), dim=1).reshape(-1, 2, logits.shape[1]).unbind(dim=1)
    return functional.kl_div(elsewhere, on_board.detach(), reduction="batchmean", log_target=True)
