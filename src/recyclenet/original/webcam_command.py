"""python webcam.py: the original's live window. Space captures and classifies, Esc leaves."""

import sys
from contextlib import closing
from functools import partial
from pathlib import Path

from recyclenet.entry import run_command
from recyclenet.errors import RecycleNetError
from recyclenet.original.options import Parser

_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
_TITLE = "RecycleNet (space: capture, Esc: leave)"


def main(argv: list[str] | None = None) -> None:
    """Runs the command; `argv` as from the command line, without the program's name.

    Raises:
        SystemExit: with 2 for a mistake, after one line on standard error.
    """
    run_command(lambda: _run(argv))


def _run(argv: list[str] | None) -> None:
    arguments = _parser().parse_args(argv)
    _watch(arguments.resume, arguments.cuda, arguments.save_dir, arguments.camera)


def _parser() -> Parser:
    parser = Parser(
        prog="webcam.py", description="Live pictures: space captures one and says what is on it, Esc leaves."
    )
    parser.add_argument("--resume", metavar="MODEL", help="checkpoint or .onnx file (default: the bundled model)")
    parser.add_argument("--cuda", action="store_true", help="run the checkpoint on a CUDA device")
    parser.add_argument(
        "--save_dir",
        metavar="FILE",
        type=Path,
        default=Path("capture_img.jpg"),
        help="where a capture goes, over the one before (default: capture_img.jpg)",
    )
    parser.add_argument(
        "--camera", metavar="SOURCE", default="0", help="a camera's number, a video file or an address (default: 0)"
    )
    return parser


def _watch(resume: str | None, cuda: bool, save_to: Path, source: str) -> None:
    from recyclenet.extras import require_extra

    if save_to.suffix.lower() not in _SUFFIXES:
        raise RecycleNetError(f"--save_dir is the file of a capture, ending in .jpg, .png or .webp, not {save_to}")
    require_extra("webcam", "the webcam")
    from recyclenet.evaluate import load_model
    from recyclenet.rules import default_rules
    from recyclenet.webcam.answer import answer_picture
    from recyclenet.webcam.camera import OpenCvCamera, parse_source, source_name
    from recyclenet.webcam.capture import Capture
    from recyclenet.webcam.session import Session
    from recyclenet.webcam.window import TkWindow

    rules = default_rules()
    model = load_model(resume, device="cuda" if cuda else "cpu")
    camera = parse_source(source)
    with closing(Capture(lambda: OpenCvCamera(camera), source_name(camera), _print_trouble)) as capture:
        frames = capture.mailbox()
        capture.start()
        with closing(TkWindow(_TITLE)) as window:
            answer = partial(answer_picture, model, rules)
            Session(frames, capture.trouble, window, answer, save_to, _print_line).run()


def _print_line(line: str) -> None:
    print(line, flush=True)  # noqa: T201 (a program may read along)


def _print_trouble(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201 (as above, for people)
