"""A window with a live picture and text below it."""

from collections.abc import Callable
from types import TracebackType
from typing import Any, Protocol

from PIL import Image, ImageColor

from recyclenet.errors import RecycleNetError
from recyclenet.pictures.text import ink_on

PAUSE_MS = 15
"""Between two looks for a new picture: shorter than a camera's 33 ms, so that each is shown when it is new."""

PLAIN = "#eeeeee"
"""What text stands on that is about no bin."""

_MARGIN = 160
"""Pixels of the screen, each way, that a picture leaves free: title bar, text, the desktop's own bars."""


class Window(Protocol):
    """What a session needs of a window."""

    def show(self, picture: Image.Image) -> None:
        """Replaces the picture (RGB, any size)."""

    def say(self, text: str, colour: str) -> None:
        """Replaces the text; `colour` (#rrggbb) is what it stands on."""

    def note(self, text: str) -> None:
        """Replaces the small line at the bottom, which is there once something was noted."""

    def on_key(self, key: str, action: Callable[[], None]) -> None:
        """Calls `action` whenever the key is pressed; names as Tk has them: "space", "Escape", "h" (and H)."""

    def every(self, ms: int, action: Callable[[], None]) -> None:
        """Calls `action`, waits, and so on while the window is open."""

    def run(self) -> None:
        """Returns when the window is closed; an error in an action closes it and is raised here."""

    def close(self) -> None:
        """Closes the window; the second time nothing is left to do."""


class TkWindow:
    """A window of this machine's desktop, drawn by Tk.

    Args:
        title: what stands above it.

    Raises:
        RecycleNetError: there is no display, or Python came without Tk.
    """

    def __init__(self, title: str) -> None:
        try:
            import tkinter

            from PIL import ImageTk
        except ImportError as error:
            raise RecycleNetError(
                f"a window needs Python's tkinter, which is missing here ({error}): "
                "install it (Debian and Ubuntu: apt install python3-tk)"
            ) from error
        try:
            self._root = tkinter.Tk()
        except tkinter.TclError as error:
            raise RecycleNetError(
                f"no window can be opened ({error}): start this on a desktop, or over ssh with ssh -X"
            ) from error
        self._root.title(title)
        self._root.resizable(False, False)
        self._root.protocol("WM_DELETE_WINDOW", self.close)
        # Tk would print an action's error and go on as if nothing had been.
        self._root.report_callback_exception = self._stop_for
        self._photo_image: Callable[..., Any] = ImageTk.PhotoImage
        self._shown: Any = None
        self._picture = tkinter.Label(self._root, borderwidth=0)
        self._picture.pack()
        self._text = tkinter.Label(self._root, font=("Helvetica", 18), height=2)
        self._text.pack(fill="x")
        # As wide as the picture, whatever it says.
        self._note = tkinter.Label(self._root, font=("Helvetica", 10), anchor="w", padx=6, width=1)
        self._open = True
        self._error: BaseException | None = None

    def show(self, picture: Image.Image) -> None:
        """Replaces the picture; one that is larger than the screen is shown smaller."""
        width, height = self._root.winfo_screenwidth() - _MARGIN, self._root.winfo_screenheight() - _MARGIN
        picture = picture.copy()
        picture.thumbnail((width, height), Image.Resampling.BILINEAR)
        if self._shown is not None and (self._shown.width(), self._shown.height()) == picture.size:
            self._shown.paste(picture)
            return
        # Kept in self: Tk itself does not hold on to an image that it shows.
        self._shown = self._photo_image(picture, master=self._root)
        self._picture.configure(image=self._shown)
        self._text.configure(wraplength=picture.width)

    def say(self, text: str, colour: str) -> None:
        """Replaces the text, in black or white, whichever reads better on the colour."""
        ink = ink_on(ImageColor.getrgb(colour)[:3])
        self._text.configure(text=text, background=colour, foreground=ink)

    def note(self, text: str) -> None:
        """Replaces the small line at the bottom."""
        if not self._note.winfo_manager():
            self._note.pack(fill="x")
        self._note.configure(text=text)

    def on_key(self, key: str, action: Callable[[], None]) -> None:
        """Calls `action` whenever the key is pressed."""
        for name in {key, key.upper()} if len(key) == 1 else {key}:  # with Shift or Caps Lock it is another key to Tk
            self._root.bind(f"<Key-{name}>", lambda _: action())

    def every(self, ms: int, action: Callable[[], None]) -> None:
        """Calls `action`, waits, and so on while the window is open."""

        def turn() -> None:
            action()
            if self._open:
                self._root.after(ms, turn)

        self._root.after(ms, turn)

    def run(self) -> None:
        """Returns when the window is closed; an error in an action closes it and is raised here."""
        self._root.mainloop()
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        """Closes the window."""
        if self._open:
            self._open = False
            self._root.destroy()

    def _stop_for(self, _: type[BaseException], error: BaseException, __: TracebackType | None) -> None:
        self._error = error
        self.close()
