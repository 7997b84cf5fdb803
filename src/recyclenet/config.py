"""Settings as small validated dataclasses: every default stands here once."""

from dataclasses import dataclass, field
from typing import Literal

from recyclenet.errors import RecycleNetError
from recyclenet.strict import check_range

Attention = Literal["none", "recyclenet", "se", "cbam"]
Place = Literal["final", "blocks"]
Combine = Literal["sum", "mul", "max"]
Augment = Literal["none", "paper", "strong", "upright", "camera", "randaugment"]
Scalar = bool | int | float | str

RESNETS = ("resnet18", "resnet34", "resnet50", "resnet101", "resnet152")
"""The original's backbones: those whose residual blocks can carry attention."""


@dataclass(frozen=True)
class ModelConfig:
    """Which network to build; with the class list it fixes every tensor's shape."""

    arch: str = "resnet18"
    attn: Attention = "none"
    attn_at: Place = "final"
    gates: tuple[str, ...] = ("channel", "spatial")
    combine: Combine = "sum"
    rd_ratio: float = 1 / 16
    kernel_size: int = 7
    drop_rate: float = 0.0
    arch_args: dict[str, Scalar] = field(default_factory=dict)

    @property
    def attn_in_blocks(self) -> bool:
        """Whether attention sits inside the backbone."""
        return self.attn != "none" and self.attn_at == "blocks"

    def __post_init__(self) -> None:
        unknown = [gate for gate in self.gates if gate not in ("channel", "spatial")]
        if unknown or not self.gates or len(set(self.gates)) != len(self.gates):
            raise RecycleNetError(f"gates must be channel, spatial or channel,spatial, not {','.join(self.gates)!r}")
        if self.kernel_size < 1 or self.kernel_size % 2 == 0:
            raise RecycleNetError(f"kernel_size must be odd and positive, not {self.kernel_size}")
        check_range("kernel_size", self.kernel_size, 1, 31)
        check_range("rd_ratio", self.rd_ratio, 1e-4, 1)
        check_range("drop_rate", self.drop_rate, 0, 0.95)


@dataclass(frozen=True)
class Recipe:
    """How to train. `configs/*.toml` hold the shipped ones; flags override single values."""

    name: str
    epochs: int
    lr: float
    batch_size: int = 32
    optimizer: Literal["sgd", "adamw"] = "adamw"
    start: Literal["fresh", "probe"] = "fresh"  # the head's first weights: random, or fitted to the features
    keep: float = 0.0  # weight of the pretrained network's own answers in the loss; 0 is off
    distill: float = 0.5  # share of the loss that asks for the teachers' answers, where the run has teachers
    head_lr_scale: float = 1.0  # attention and head learn this many times faster than the backbone
    layer_decay: float = 1.0  # each stage of the backbone learns this many times as fast as the one after it
    momentum: float = 0.9  # SGD only
    weight_decay: float = 1e-4
    schedule: Literal["cosine", "step"] = "cosine"
    warmup: float = 0.0  # share of the run in which the learning rate rises from 0
    step_epochs: int = 40  # schedule "step": lr × step_factor after every so many epochs
    step_factor: float = 0.1
    label_smoothing: float = 0.0
    mixup: float = 0.0  # Beta(mixup, mixup); 0 is off
    cutmix: float = 0.0  # share of batches in which photos get a rectangle of another one, instead of mixup
    ema_decay: float = 0.0  # 0 is off
    augment: Augment = "paper"
    surfaces: float = 0.0  # share of views whose item is moved from the white board to a made-up surface
    # Weight of the difference between a photo's answers on its board and on a made-up surface; 0 is off. Every photo is
    # then seen in both places, and a step takes twice its time and memory.
    consistency: float = 0.0
    img_size: int = 224
    resize: int = 256
    train_size: int = 0  # side of the augmented views; 0: img_size. Crops enlarge items, so smaller views can suffice
    shots: int = 0  # of the train split at most so many photos a class, drawn by the seed; 0: all
    trained_stages: int = -1  # how many of the backbone's last stages learn, if it has more; -1: the whole backbone
    views: int = 1  # of each photo, whose features are computed once where stages stay as they are; 0: new each epoch
    # Whose statistics batch norm computes with in training: each process's part of a batch, all processes' together, or
    # those that the network came with, which then stay.
    batch_norm: Literal["own", "synced", "frozen"] = "own"
    best_by: Literal["accuracy", "loss"] = "loss"  # on val; a few hundred photos order losses with less noise
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    channels_last: bool = True

    def __post_init__(self) -> None:
        for name, low, high in (
            ("epochs", 1, 100_000),
            ("batch_size", 1, 65_536),
            ("lr", 0, 100),
            ("head_lr_scale", 0, 1e4),
            ("keep", 0, 100),
            ("distill", 0, 1),
            ("surfaces", 0, 1),
            ("consistency", 0, 100),
            ("momentum", 0, 0.9999),
            ("weight_decay", 0, 10),
            ("warmup", 0, 1),
            ("step_epochs", 1, 100_000),
            ("step_factor", 0, 1),
            ("label_smoothing", 0, 0.9),
            ("mixup", 0, 10),
            ("cutmix", 0, 1),
            ("layer_decay", 0.01, 1),
            ("ema_decay", 0, 0.999999),
            ("trained_stages", -1, 1000),
            ("views", 0, 64),
            ("shots", 0, 10**9),
            ("train_size", 0, 1024),
        ):
            check_range(name, getattr(self, name), low, high)
        if self.train_size and self.caches_features:
            raise RecycleNetError("train_size needs views made anew each epoch: set views to 0, or leave it out")
        if self.cutmix and self.caches_features:
            raise RecycleNetError("cutmix needs photos, not features that are kept: set views to 0, or leave it out")
        if self.consistency and (self.caches_features or self.augment == "none"):
            raise RecycleNetError(
                "consistency needs augmented views, made anew each epoch: set views to 0 and augment to strong, or "
                "leave it out"
            )
        if self.consistency and self.surfaces:
            raise RecycleNetError(
                "consistency shows every item on a made-up surface, too: surfaces, a share of them, must be 0 with it; "
                "set surfaces to 0, or leave consistency out"
            )

    @property
    def freezes(self) -> bool:
        """Whether part of the backbone stays as it is."""
        return self.trained_stages >= 0

    @property
    def needs_pretrained(self) -> bool:
        """Whether it builds on what a pretrained network knows: no start from scratch, no fresh attention inside it."""
        return self.freezes or self.keep > 0

    @property
    def caches_features(self) -> bool:
        """Whether the features of what stays as it is are computed once."""
        return self.freezes and self.views > 0


@dataclass(frozen=True)
class TrainConfig:
    """One training run, resolved: saved with the run, enough to repeat it."""

    data: str
    model: ModelConfig
    recipe: Recipe
    pretrained: str = "imagenet"  # or "none", or a file of weights
    init: str = ""  # a trained model whose weights the run starts from, instead of pretrained ones
    teachers: tuple[str, ...] = ()  # trained models of the same classes, whose answers the run learns, too
    mean: tuple[float, float, float] | None = None  # None: what the architecture's published weights expect
    std: tuple[float, float, float] | None = None
    seed: int = 1234
    workers: int = 2
    device: str = "auto"
    photos: Literal["disk", "device"] = "disk"  # where views are made: from files, or of what the device's memory holds
    compile: bool = False  # the step, by torch.compile
    checkpoint_every: float = 300.0  # seconds between two checkpoints within an epoch; 0: one after each step
    max_unreadable: float = 0.01  # share of the photos that may turn out unreadable: they are left out

    def __post_init__(self) -> None:
        check_range("seed", self.seed, 0, 2**32 - 1)
        check_range("workers", self.workers, 0, 256)
        check_range("checkpoint_every", self.checkpoint_every, 0, 1e9)
        check_range("max_unreadable", self.max_unreadable, 0, 1)
        if (self.mean is None) != (self.std is None):
            raise RecycleNetError("mean and std go together: give both or neither")
