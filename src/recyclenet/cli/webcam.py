"""recyclenet webcam."""

import json
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Annotated

import typer


def webcam(
    source: Annotated[
        str, typer.Option(help="A camera's number, a video file, or the address of a stream (http, rtsp).")
    ] = "0",
    model: Annotated[
        Path | None, typer.Option(help="An exported .onnx file.", show_default="the bundled model")
    ] = None,
    rules: Annotated[
        str, typer.Option(help="Which material goes where: a shipped name or a .toml file of your own.")
    ] = "default",
    out: Annotated[Path, typer.Option(help="The folder that space saves frames and their answers in.")] = Path(
        "captures"
    ),
    headless: Annotated[
        bool, typer.Option("--headless", help="No window: one JSON object a line, for each change of the answer.")
    ] = False,
    on_decision: Annotated[
        str | None,
        typer.Option(
            metavar="CMD",
            help="A program to run at each change, which gets the same JSON on its standard input; no shell.",
            show_default="none",
        ),
    ] = None,
    dwell: Annotated[float, typer.Option(help="Seconds that another answer must last before it is taken.")] = 0.5,
) -> None:
    """Hold things up to a camera: live picture, answer and bin. Keys: h heatmap, space saves, Esc leaves."""
    from recyclenet.extras import require_extra

    require_extra("webcam", "recyclenet webcam")
    from recyclenet.cli.console import note, print_line
    from recyclenet.machine import usable_cores
    from recyclenet.predictor import Predictor
    from recyclenet.rules import load_rules
    from recyclenet.training.interrupt import StopRequest
    from recyclenet.webcam.camera import OpenCvCamera, parse_source, source_name
    from recyclenet.webcam.headless import watch
    from recyclenet.webcam.keep import Keeper
    from recyclenet.webcam.live import Live
    from recyclenet.webcam.live_session import LiveSession
    from recyclenet.webcam.on_decision import OnDecision
    from recyclenet.webcam.smoothing import Steadiness, Steady
    from recyclenet.webcam.watcher import Change
    from recyclenet.webcam.window import TkWindow

    camera, chosen, steadiness = parse_source(source), load_rules(rules), Steadiness(dwell=dwell)
    # One core is left to the camera and the window.
    predictor = Predictor(model, threads=max(1, usable_cores() - 1))
    if predictor.description.calibration is None:
        note(f"{predictor.name} has no calibration: strange things are answered, too; 'recyclenet calibrate' adds it")
    if (gap := chosen.gap(predictor.classes)) is not None:
        note(gap)
    stop, has_left = StopRequest(), False

    def on_change(change: Change) -> None:
        nonlocal has_left
        if headless and not print_line(json.dumps(change.to_table())):
            has_left = True
        if hook is not None:
            hook(change)

    def is_stopped() -> bool:
        return has_left or stop.signal_number is not None

    with ExitStack() as stack:
        hook = None if on_decision is None else OnDecision(on_decision, note)
        if hook is not None:
            stack.callback(lambda: hook.close(finish=not is_stopped()))
        live = Live(
            lambda: OpenCvCamera(camera),
            source_name(camera),
            predictor.predict,
            Steady(predictor.classes, chosen, steadiness),
            on_change,
            note,
            every_frame=headless,
        )
        stack.callback(live.close)
        if headless:
            live.start()
            stack.enter_context(stop)
            watch(live, is_stopped)
        else:
            frames = live.mailbox()
            live.start()
            window = stack.enter_context(closing(TkWindow("RecycleNet")))

            def report(line: str) -> None:
                note(line)
                session.tell(line)

            keeper = stack.enter_context(closing(Keeper(out, predictor.predict, chosen, report)))
            session = LiveSession(live, frames, window, predictor.preprocess, chosen, keeper.keep, is_stopped)
            stack.enter_context(stop)
            session.run()
    if stop.signal_number is not None:
        raise typer.Exit(128 + stop.signal_number)
