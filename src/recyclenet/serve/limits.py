"""How much one server takes on, so that no visitor can make it run out of memory, time or disk."""

from dataclasses import dataclass

from recyclenet.photo import MAX_PIXELS
from recyclenet.strict import check_range

MIB = 1024 * 1024


@dataclass(frozen=True)
class Limits:
    """Limits of a server. At any moment it holds at most `workers + queue` times `body_bytes` of request bodies.

    Attributes:
        body_bytes: of one request.
        pixels: of one photo.
        files: photos in one request.
        seconds: for one request, from its first byte to its answer.
        workers: photos decoded and classified at the same time.
        queue: requests that have come whole and wait for a worker; one more is refused with 503.
        feedback_bytes: of all photos kept as feedback.
    """

    body_bytes: int = 20 * MIB
    pixels: int = MAX_PIXELS
    files: int = 16
    seconds: float = 30.0
    workers: int = 1
    queue: int = 16
    feedback_bytes: int = 1024 * MIB

    def __post_init__(self) -> None:
        check_range("the most bytes a request", self.body_bytes, 1024, 256 * MIB)
        check_range("the most pixels a photo", self.pixels, 1024, MAX_PIXELS)
        check_range("the most files a request", self.files, 1, 1000)
        check_range("the most seconds a request", self.seconds, 0.1, 3600)
        check_range("workers", self.workers, 1, 256)
        check_range("queue", self.queue, 0, 10_000)
        check_range("the most bytes of feedback", self.feedback_bytes, 0, 2**50)
