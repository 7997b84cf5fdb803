"""recyclenet serve."""

from pathlib import Path
from typing import Annotated

import typer


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for the whole network.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0: any free one.")] = 8000,
    allowed_host: Annotated[
        list[str] | None,
        typer.Option(
            help="Take requests to this name, and to no others but localhost; may be given more than once.",
            show_default="with --host, also addresses and names of a local network",
        ),
    ] = None,
    model: Annotated[
        Path | None, typer.Option(help="An exported .onnx file.", show_default="the bundled model")
    ] = None,
    rules: Annotated[
        str, typer.Option(help="Which material goes where: a shipped name or a .toml file of your own.")
    ] = "default",
    api_key: Annotated[
        str | None,
        typer.Option(
            envvar="RECYCLENET_API_KEY",
            help="Answer only those who send this key. Better in the environment, where other users cannot see it.",
            show_default="everybody is answered",
        ),
    ] = None,
    feedback: Annotated[
        Path | None,
        typer.Option(
            help="Keep photos that visitors correct in this folder, a folder for each class.",
            show_default="none are kept",
        ),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Photos answered at the same time.", show_default="one a core")
    ] = None,
    queue: Annotated[int, typer.Option(help="Requests that may wait; one more is refused with 503.")] = 16,
    max_mib: Annotated[int, typer.Option(help="The most MiB a request.")] = 20,
    max_megapixels: Annotated[int, typer.Option(help="The most megapixels a photo.")] = 40,
    max_files: Annotated[int, typer.Option(help="The most photos a request.")] = 16,
    max_seconds: Annotated[float, typer.Option(help="The most time a request.")] = 30,
    max_feedback_mib: Annotated[int, typer.Option(help="The most MiB of feedback.")] = 1024,
) -> None:
    """Answer in a web page and over HTTP. Ctrl-C ends it when the requests in flight are answered."""
    from recyclenet.extras import require_extra

    require_extra("serve", "recyclenet serve")
    from recyclenet.cli.console import note
    from recyclenet.machine import usable_cores
    from recyclenet.predictor import Predictor
    from recyclenet.rules import load_rules
    from recyclenet.serve.answer import Answerer
    from recyclenet.serve.app import build_app
    from recyclenet.serve.feedback import FeedbackStore
    from recyclenet.serve.guard import check_key
    from recyclenet.serve.hosts import Hosts
    from recyclenet.serve.limits import MIB, Limits
    from recyclenet.serve.server import address_of, is_private, listen, make_server
    from recyclenet.serve.service import Service

    limits = Limits(
        body_bytes=max_mib * MIB,
        pixels=max_megapixels * 1_000_000,
        files=max_files,
        seconds=max_seconds,
        workers=usable_cores() if workers is None else workers,
        queue=queue,
        feedback_bytes=max_feedback_mib * MIB,
    )
    check_key(api_key)  # a key that cannot be sent is a mistake to hear of now
    with listen(host, port) as bound:  # first, since a port that is taken is known at once and a model is not
        hosts = Hosts(is_private(bound), allowed_host or ())
        predictor = Predictor(model, threads=1)  # many photos at once instead of many threads for one
        if predictor.description.calibration is None:
            note(f"{predictor.name} has no calibration: no doubt is shown; 'recyclenet calibrate' adds it")
        answerer = Answerer(predictor, load_rules(rules), limits.pixels)
        store = None if feedback is None else FeedbackStore(feedback, predictor.classes, limits.feedback_bytes)
        if not is_private(bound) and api_key is None:
            note(f"warning: everybody who can reach {host} can use this; --api-key keeps it for those who have the key")
        server = make_server(build_app(Service(answerer, limits, hosts, api_key, store)), limits.seconds)
        typer.echo(f"RecycleNet is at {address_of(bound)} (Ctrl-C ends it)")
        server.run(sockets=[bound])
