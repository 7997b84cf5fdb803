"""What a running server is made of, and how one request with photos goes through it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from fastapi import Request
from starlette.requests import ClientDisconnect

from recyclenet.errors import PhotoError
from recyclenet.serve.answer import Answerer
from recyclenet.serve.feedback import FeedbackStore
from recyclenet.serve.hosts import Hosts
from recyclenet.serve.intake import check_media_type, media_type, read_body, unpack
from recyclenet.serve.limits import Limits
from recyclenet.serve.metrics import Metrics
from recyclenet.serve.multipart import Upload
from recyclenet.serve.pool import WorkerPool
from recyclenet.serve.problems import Problem
from recyclenet.serve.room import Room

_Result = TypeVar("_Result")

_SLOW_RETRY_SECONDS = 5


@dataclass
class Service:
    """Everything that the routes share.

    Attributes:
        answerer: model and rules.
        limits: what it takes on.
        hosts: the names that requests may call it by.
        api_key: what requests must bring; None: nothing.
        feedback: where corrected photos go; None: nowhere.
    """

    answerer: Answerer
    limits: Limits
    hosts: Hosts
    api_key: str | None = None
    feedback: FeedbackStore | None = None
    metrics: Metrics = field(default_factory=Metrics)
    is_ready: bool = False

    def __post_init__(self) -> None:
        self.pool = WorkerPool(self.limits.workers, self.limits.queue)
        self.room = Room((self.limits.workers + self.limits.queue) * self.limits.body_bytes)

    async def classify(self, request: Request, with_pictures: bool) -> list[dict[str, Any]]:
        """A result for each photo of a request, one after the other, so that no request holds all workers.

        Raises:
            Problem: the request is refused, or none of its photos could be used (422).
        """

        async def work(uploads: list[Upload]) -> list[dict[str, Any]]:
            results = [await self.pool.run(self.answerer.answer, upload, with_pictures) for upload in uploads]
            for result in results:
                if "error" not in result:
                    self.metrics.answer(result["label"], result["state"])
            return results

        results = await self._take_in(request, work)
        if all("error" in result for result in results):
            raise Problem(422, "; ".join(dict.fromkeys(result["error"]["detail"] for result in results)))
        return results

    async def keep(self, request: Request, label: str, store: FeedbackStore) -> str:
        """Keeps a request's one photo as one of a class; returns the SHA-256 of its file.

        Raises:
            Problem: the request is refused, or the photo cannot be used (422).
        """

        def save(upload: Upload) -> str:
            try:
                return store.save(label, self.answerer.load(upload.data, store.kept_side))
            except PhotoError as error:
                raise Problem(422, error.reason) from error

        async def work(uploads: list[Upload]) -> str:
            if len(uploads) != 1:
                raise Problem(422, f"expected one photo, not {len(uploads)}")
            return await self.pool.run(save, uploads[0])

        digest = await self._take_in(request, work)
        self.metrics.feedback(label)
        return digest

    async def _take_in(self, request: Request, work: Callable[[list[Upload]], Awaitable[_Result]]) -> _Result:
        check_media_type(request)
        self.pool.check_place()  # or the body would come for nothing
        is_read = False
        try:
            async with asyncio.timeout(self.limits.seconds):
                with self.room.share() as take:
                    body = await read_body(request, self.limits.body_bytes, take)
                    is_read = True
                    # Only now: a body may take its time to come, and others' would have to wait for it.
                    with self.pool.admit():
                        kind, content_type = media_type(request), request.headers.get("content-type", "")
                        uploads = await self.pool.run(unpack, kind, content_type, body, self.limits.files)
                        del body  # held twice otherwise while it waits
                        return await work(uploads)
        except TimeoutError as error:
            if not is_read:
                raise Problem(408, f"the request did not come whole in {self.limits.seconds:g} s") from error
            raise Problem(
                503, f"no answer in {self.limits.seconds:g} s: try again later", retry_after=_SLOW_RETRY_SECONDS
            ) from error
        except ClientDisconnect as error:
            raise Problem(400, "the sender left before the request was whole") from error
