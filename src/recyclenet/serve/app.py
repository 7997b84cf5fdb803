"""The web application: routes, page, errors and headers around one service."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI
from PIL import Image
from starlette.types import ASGIApp

import recyclenet
from recyclenet.serve.assets import add_assets, add_file
from recyclenet.serve.docs_page import docs_page
from recyclenet.serve.problems import add_problem_handlers
from recyclenet.serve.routes import add_routes
from recyclenet.serve.service import Service
from recyclenet.serve.shell import Shell


def build_app(service: Service) -> ASGIApp:
    """An ASGI application; it answers its first photo, a grey one, before it says that it is ready."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await service.pool.run(service.answerer.predictor.predict, Image.new("RGB", (256, 256), "grey"))
        service.is_ready = True
        yield
        service.is_ready = False
        await service.pool.close()

    app = FastAPI(
        title="RecycleNet",
        summary="Which bin does it go in?",
        version=recyclenet.__version__,
        docs_url=None,  # FastAPI's own pages load their scripts from other addresses
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
    )
    router = APIRouter()
    add_routes(router, service)
    add_assets(router)
    app.include_router(router)
    pages = APIRouter()
    add_file(pages, "/docs", docs_page(app.openapi()).encode(), "text/html; charset=utf-8")
    app.include_router(pages)
    add_problem_handlers(app)
    paths = [route.path for route in (*router.routes, *pages.routes) if hasattr(route, "path")]
    return Shell(app, service.metrics, [*paths, "/openapi.json"])
