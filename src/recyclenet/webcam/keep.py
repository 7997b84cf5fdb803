"""A frame that a person wants to keep: a JPEG, and what was answered for it as JSON beside it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

from recyclenet.atomic import replace_file, write_text
from recyclenet.errors import RecycleNetError
from recyclenet.predictor import Prediction
from recyclenet.rules import Rules
from recyclenet.webcam.answer import Answer
from recyclenet.webcam.capture import Frame
from recyclenet.webcam.work_queue import WorkQueue

JPEG_QUALITY = 95
_WAITING = 8


def save_picture(picture: Image.Image, path: Path) -> None:
    """Writes a picture whole or not at all; the ending decides the format.

    Raises:
        RecycleNetError: it cannot be written.
    """
    with replace_file(path) as temporary:
        picture.save(temporary, quality=JPEG_QUALITY)


class Keeper:
    """Answers for exactly the frame that is kept, and writes both, in a thread of its own.

    Args:
        folder: for the files, named after the moment of the frame; made with the first one.
        predict: answers for the frame; safe to call from another thread.
        rules: name its bin.
        report: told, as a line of text, where it is or why it is not.
    """

    def __init__(
        self, folder: Path, predict: Callable[[Image.Image], Prediction], rules: Rules, report: Callable[[str], None]
    ) -> None:
        self._folder = folder
        self._predict = predict
        self._rules = rules
        self._report = report
        self._queue: WorkQueue[tuple[Frame, Answer | None]] = WorkQueue("keep", self._keep, _WAITING)

    def keep(self, frame: Frame, shown: Answer | None) -> None:
        """Has the frame kept, without a wait; `shown` is the steady answer at that moment."""
        if not self._queue.offer((frame, shown)):
            self._report("not saved: too many at once")

    def close(self) -> None:
        """Returns when everything is written."""
        self._queue.close(finish=True)

    def _keep(self, item: tuple[Frame, Answer | None]) -> None:
        frame, shown = item
        made = self._predict(frame.picture)
        target = self._rules.decide(made.probs, is_unknown=made.is_unknown).bin
        photo = self._folder / f"{frame.at.astimezone():%Y%m%d-%H%M%S-%f}.jpg"
        try:
            save_picture(frame.picture, photo)
            write_text(photo.with_suffix(".json"), json.dumps(_table(frame, made, target.name, shown), indent=2) + "\n")
        except RecycleNetError as error:
            self._report(f"not saved: {error}")
        else:
            self._report(f"saved {photo}")


def _table(frame: Frame, made: Prediction, bin_name: str, shown: Answer | None) -> dict[str, Any]:
    return {
        "time": frame.at.isoformat(timespec="milliseconds"),
        "frame": frame.number,
        **made.to_table(),
        "bin": bin_name,
        "shown": None if shown is None else {"label": shown.label, "prob": shown.prob, "bin": shown.bin.name},
    }
