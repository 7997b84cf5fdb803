"""What one run gave, on disk: enough to make every table again without training anything."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from recyclenet.atomic import write_text
from recyclenet.json_file import read_json
from recyclenet.strict import from_dict


@dataclass(frozen=True)
class RunResult:
    """One variant trained with one seed.

    best_epoch was chosen on val, out of `epochs`; then the test split was read, once. hits: a character a test photo
    in the order of the split, "1" where the answer was right. seconds: of training, with validation.
    feature_seconds: before that, of features that this run computed; those that come after it share them.
    fingerprint: of the photos and their split.
    """

    variant: str
    seed: int
    epochs: int
    best_epoch: int
    val_correct: int
    val_total: int
    hits: str
    params: int
    seconds: float
    fingerprint: str
    feature_seconds: float = 0.0

    @property
    def correct(self) -> int:
        """Test photos answered right."""
        return self.hits.count("1")


def write_result(path: Path, result: RunResult) -> None:
    """As JSON, atomically."""
    write_text(path, json.dumps(asdict(result), indent=2) + "\n")


def read_result(path: Path) -> RunResult | None:
    """The result, or None if the run is not finished.

    Raises:
        RecycleNetError: the file is damaged.
    """
    try:
        table = read_json(path, "remove it, and the run is done again")
    except FileNotFoundError:
        return None
    return from_dict(RunResult, table, str(path))
