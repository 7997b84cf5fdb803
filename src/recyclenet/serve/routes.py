"""The addresses of the HTTP interface."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse

from recyclenet.serve import metrics
from recyclenet.serve.describe import described_model
from recyclenet.serve.feedback import FeedbackStore
from recyclenet.serve.guard import guards
from recyclenet.serve.problems import Problem
from recyclenet.serve.schemas import Answers, Kept, ModelShown, Status, photo_body, problems
from recyclenet.serve.service import Service

_REFUSALS = {
    "s401": "The key is missing or wrong.",
    "s403": "Sent by another site's page, or to a name that the server does not go by.",
    "s408": "The request came too slowly.",
    "s413": "Too many bytes or files.",
    "s415": "Not a media type that photos have.",
    "s422": "No photo, or none that can be used.",
    "s503": "Too busy, see Retry-After.",
}


def add_routes(router: APIRouter, service: Service) -> None:
    """The interface of a service; feedback only where it has a place for it."""
    guarded = guards(service.hosts, service.api_key)
    model = described_model(service)

    @router.post(
        "/v1/classify",
        summary="What is on photos, and in which bin it goes",
        response_model=Answers,
        responses=problems(**_REFUSALS),
        openapi_extra=photo_body(service.limits.files),
        dependencies=guarded,
    )
    async def classify(
        request: Request,
        pictures: Annotated[bool, Query(description="Also what the model saw, and its evidence as a heatmap.")] = False,
    ) -> JSONResponse:
        """Send one photo as the body, or one or many as files of a form."""
        return JSONResponse({"results": await service.classify(request, pictures)})

    if service.feedback is not None:
        _add_feedback(router, service, service.feedback, guarded)

    @router.get(
        "/v1/model",
        summary="What answers here",
        response_model=ModelShown,
        responses=problems(s401=_REFUSALS["s401"], s403=_REFUSALS["s403"]),
        dependencies=guarded,
    )
    async def shown() -> JSONResponse:
        """Classes, input, bins, limits, and how good the model is."""
        return JSONResponse(model)

    @router.head("/healthz", include_in_schema=False)
    @router.get("/healthz", summary="Whether the server runs", response_model=Status)
    async def healthz() -> JSONResponse:
        """For whoever restarts it."""
        return JSONResponse({"status": "ok"})

    @router.head("/readyz", include_in_schema=False)
    @router.get(
        "/readyz",
        summary="Whether it takes photos",
        response_model=Status,
        responses=problems(s503="Starting or stopping."),
    )
    async def readyz() -> JSONResponse:
        """For whoever sends it requests."""
        if not service.is_ready:
            raise Problem(503, "not ready", retry_after=1)
        return JSONResponse({"status": "ready"})

    @router.get(
        "/metrics",
        summary="Counts for Prometheus",
        response_class=Response,
        responses={200: {"content": {"text/plain": {}}}, **problems(s401=_REFUSALS["s401"], s403=_REFUSALS["s403"])},
        dependencies=guarded,
    )
    async def counts() -> Response:
        """Requests, latencies, answers, queue."""
        return Response(service.metrics.text(service.pool.waiting), media_type=metrics.CONTENT_TYPE)


def _add_feedback(router: APIRouter, service: Service, store: FeedbackStore, guarded: list[Any]) -> None:
    right_class = Query(description="The right class.", json_schema_extra={"enum": [*store.classes]})

    @router.post(
        "/v1/feedback",
        summary="That was wrong: keep the photo with its right class",
        status_code=201,
        response_model=Kept,
        responses=problems(**_REFUSALS, s507="The folder is full."),
        openapi_extra=photo_body(1),
        dependencies=guarded,
    )
    async def keep(request: Request, label: Annotated[str, right_class]) -> JSONResponse:
        """Send one photo as the body, or as the one file of a form."""
        return JSONResponse({"label": label, "sha256": await service.keep(request, label, store)}, 201)
