"""What the service sends, in the words of its OpenAPI description."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from recyclenet.serve.problems import MEDIA_TYPE


class ProblemDocument(BaseModel):
    """What went wrong (RFC 9457)."""

    type: Literal["about:blank"]
    title: str
    status: int
    detail: str = Field(description="One line for people.")


class BinShown(BaseModel):
    """Where to throw it."""

    key: str | None = Field(description="The bin's in the rules; null: ask a person.")
    name: str
    colour: str = Field(description="#rrggbb")
    hint: str


class Pictures(BaseModel):
    """JPEGs as data addresses."""

    view: str = Field(description="The square that the model saw.")
    heatmap: str = Field(description="The same with the evidence for the answer.")


class Answer(BaseModel):
    """One photo's answer; `error` stands alone, or with `name`, where the photo could not be used."""

    model_config = ConfigDict(extra="forbid")

    name: str | None = Field(None, description="As the form called the file.")
    label: str | None = Field(None, description="The most likely class.")
    prob: float | None = Field(None, description="Its probability.")
    probs: dict[str, float] | None = Field(None, description="Of every class; they sum to 1.")
    set: list[str] | None = Field(
        None, description="What it may well be, the likeliest first; null: the model has no calibration."
    )
    unknown: float | None = Field(None, description="How strange it is; above 0.5: none of these.")
    state: Literal["sure", "not sure", "none of these"] | None = None
    verdict: str | None = Field(None, description="The answer in words.")
    bin: BinShown | None = None
    reason: str | None = Field(None, description="Why this bin.")
    ms: float | None = Field(None, description="Milliseconds for the inference.")
    pictures: Pictures | None = None
    error: ProblemDocument | None = None


class Answers(BaseModel):
    """A result for each photo, in the order sent."""

    results: list[Answer]


class Kept(BaseModel):
    """A photo that was kept."""

    label: str
    sha256: str = Field(description="Of the file as it was written.")


class RequestLimits(BaseModel):
    """More than this is refused."""

    body_bytes: int
    pixels: int
    files: int
    seconds: float


class ModelShown(BaseModel):
    """What answers here."""

    name: str
    version: str = Field(description="Of the program that serves it.")
    network: str
    classes: list[str]
    img_size: int = Field(description="Side of the square that the model sees, in pixels.")
    resize: int = Field(description="The photo's shorter side, of which that square is the middle.")
    calibrated: bool = Field(description="Whether it can say that it is not sure.")
    metrics: dict[str, float | int | str | bool | None]
    bins: list[BinShown]
    feedback: bool = Field(description="Whether corrected photos are taken.")
    limits: RequestLimits


class Status(BaseModel):
    """Whether the server is there."""

    status: Literal["ok", "ready"]


def problems(**statuses: str) -> dict[int | str, dict[str, Any]]:
    """OpenAPI's responses for the statuses of a route, as s413="why"."""
    content = {MEDIA_TYPE: {"schema": ProblemDocument.model_json_schema()}}
    return {int(name[1:]): {"description": text, "content": content} for name, text in statuses.items()}


def photo_body(max_files: int) -> dict[str, Any]:
    """OpenAPI's request body: a photo, or a form with files."""
    binary = {"type": "string", "format": "binary"}
    files = {"type": "array", "items": binary, "minItems": 1, "description": f"At most {max_files}."}
    form = {"type": "object", "properties": {"file": files}, "required": ["file"]}
    kinds = {"image/*": binary, "application/octet-stream": binary, "multipart/form-data": form}
    return {"requestBody": {"required": True, "content": {kind: {"schema": schema} for kind, schema in kinds.items()}}}
