"""The pictures that `visualize` writes: one a photo as it comes, and the contact sheet at the end."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.text import Text

from recyclenet.atomic import make_folder, replace_file
from recyclenet.cli.picture_names import PictureNames
from recyclenet.data.folder import PhotoFolder
from recyclenet.errors import PhotoError
from recyclenet.pictures.panel_sheet import Group
from recyclenet.visualize.figure import FIGURE_SIDE, SHEET_SIDE, draw_groups, photo_group
from recyclenet.visualize.viewer import Viewer

_SHEET = "contact-sheet"
_MOST_ROWS = 40  # on the sheet; beyond that nobody finds anything


@dataclass(frozen=True)
class Page:
    """A photo's path as given, with the models' answers and the picture, or the reason why there is none."""

    path: str
    true_label: str | None = None
    answers: tuple[dict[str, Any], ...] = ()  # each with model, label and prob
    picture: Path | None = None
    error: str | None = None

    def to_table(self) -> dict[str, Any]:
        """The JSON object of `visualize --json`."""
        if self.error is not None:
            return {"path": self.path, "error": self.error}
        return {
            "path": self.path,
            "true_label": self.true_label,
            "answers": list(self.answers),
            "picture": str(self.picture),
        }

    def cells(self) -> list[Text]:
        """The row of the table for people."""
        if self.picture is None:
            return [Text(self.path), Text(""), Text(f"error: {self.error}", style="red")]
        answers = [Text(f"{answer['label']} {100 * answer['prob']:.1f} %") for answer in self.answers]
        return [Text(self.path), Text(self.true_label or "–"), *answers, Text(self.picture.name)]


class Album:
    """The output folder.

    Args:
        out: the folder, made if needed.
        viewers: the models, in the order of the rows.
        data: knows the true labels of its own photos.

    Raises:
        RecycleNetError: the folder cannot be made.
    """

    def __init__(self, out: Path, viewers: Sequence[Viewer], data: PhotoFolder | None = None) -> None:
        self._out = make_folder(out)
        self._viewers = viewers
        self._known = {} if data is None else {(data.root / item.path).resolve(): item for item in data.records}
        self._names = PictureNames(_SHEET)
        self._groups: list[Group] = []
        self._written = 0

    @property
    def models(self) -> list[str]:
        """The models' names."""
        return [viewer.model.name for viewer in self._viewers]

    def add(self, path: str) -> Page:
        """Shows one photo; one that cannot be used becomes a page with the reason."""
        try:
            panels = [viewer.look(path) for viewer in self._viewers]
        except PhotoError as error:
            return Page(path, error=error.reason)
        record = self._known.get(Path(path).resolve())
        truth = None if record is None else record.label
        group = photo_group(path if record is None else record.path, truth, self._viewers, panels)
        if (len(self._groups) + 1) * len(self._viewers) <= _MOST_ROWS:
            self._groups.append(group)
        self._written += 1
        answers = tuple(
            {"model": name, "label": made.label, "prob": made.prob}
            for name, made in zip(self.models, panels, strict=True)
        )
        return Page(path, truth, answers, self._write(self._names.name(path), [group], FIGURE_SIDE))

    def finish(self) -> str:
        """Writes the contact sheet; says what there is, or nothing where no photo could be shown."""
        if not self._written:
            return ""
        sheet = self._write(f"{_SHEET}.png", self._groups, SHEET_SIDE)
        shown = f"the first {len(self._groups)} of them" if len(self._groups) < self._written else "all of them"
        return f"pictures of {self._written} photos in {self._out}; {shown} in {sheet.name}"

    def _write(self, name: str, groups: Sequence[Group], side: int) -> Path:
        path = self._out / name
        with replace_file(path) as temporary:
            draw_groups(groups, self._viewers, side=side).save(temporary)
        return path
