"""Every error that goes out is a problem document (RFC 9457), also those that the framework finds."""

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

MEDIA_TYPE = "application/problem+json"


class Problem(HTTPException):
    """An answer with an error's status.

    Args:
        status: of HTTP.
        detail: one line for people.
        retry_after: whole seconds after which it may go better.
        headers: others that go with it.
    """

    def __init__(
        self, status: int, detail: str, *, retry_after: int | None = None, headers: dict[str, str] | None = None
    ) -> None:
        retry = {} if retry_after is None else {"Retry-After": str(retry_after)}
        super().__init__(status, detail, {**(headers or {}), **retry} or None)


def problem_document(status: int, detail: str) -> dict[str, Any]:
    """The members of RFC 9457; the status says what kind of problem it is, so there is no address of a type."""
    return {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}


def add_problem_handlers(app: FastAPI) -> None:
    """Makes an app answer all its errors as problem documents."""

    @app.exception_handler(HTTPException)
    async def _(request: Request, error: HTTPException) -> JSONResponse:
        detail = _DETAILS.get(error.status_code, error.detail) if not isinstance(error, Problem) else error.detail
        return _response(error.status_code, detail, error.headers)

    @app.exception_handler(RequestValidationError)
    async def _(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = " ".join(str(part) for part in first["loc"])
        return _response(422, f"{where}: {first['msg']}")

    # What went wrong inside is for the log, not for strangers; the server prints it there.
    @app.exception_handler(Exception)
    async def _(request: Request, error: Exception) -> JSONResponse:
        return _response(500, "something went wrong here; the server's log says what")


_DETAILS = {404: "there is nothing at this address; /docs lists what there is"}


def _response(status: int, detail: str, headers: Any = None) -> JSONResponse:
    return JSONResponse(problem_document(status, detail), status, headers, MEDIA_TYPE)
