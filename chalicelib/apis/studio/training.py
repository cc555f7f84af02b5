"""Training data and trained models (glad-labs.md, "Intelligent Orchestrator")."""

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints

from chalicelib.domain.document import Document
from chalicelib.domain.training.example import ExportFormat
from chalicelib.domain.training.patterns import Pattern, find_patterns
from chalicelib.edge import Caller, FilePart, Instant, MultipartSchema, Routes, Schema
from chalicelib.engine.training import examples, exports, trained_models
from chalicelib.engine.training.trained_models import ModelFile, UploadLink

routes = Routes("/api/orchestrator", tag="Orchestrator")
training_routes = Routes("/api/orchestrator/training-data", tag="Orchestrator")

Id = Annotated[str, StringConstraints(min_length=1, max_length=128)]
MAX_NAME = 200
ModelName = Annotated[str, StringConstraints(min_length=1, max_length=MAX_NAME, strip_whitespace=True)]


class ExportIn(Schema):
    """How to export."""

    format: ExportFormat = Field(
        default="json", description="`json` is one list, `jsonl` one object for each line, `csv` a table with a head."
    )


class ExportOut(Schema):
    """An export. `file_url` and `record_count` are null until its file is complete."""

    export_id: str
    status: Literal["processing", "completed"]
    file_url: str | None = Field(description="Anyone can fetch the file for an hour, without a token.")
    format: ExportFormat
    record_count: int | None

    @classmethod
    def from_document(cls, export: Document) -> Self:
        url = exports.file_url(export)
        return cls(
            export_id=export.id,
            status="processing" if url is None else "completed",
            file_url=url,
            format=export.body["format"],
            record_count=None if url is None else export.body["records"],
        )


class TrainedModelIn(MultipartSchema):
    """The file of a trained model."""

    file: FilePart
    name: ModelName | None = Field(default=None, description="By default that of the file.")
    description: str | None = Field(default=None, max_length=2_000)

    @property
    def title(self) -> str:
        """The model's name."""
        return self.name or self.file.filename[:MAX_NAME]


class ModelOut(Schema):
    """A trained model. Yardmaster keeps its file; it does not run it."""

    model_id: str
    name: str
    description: str | None
    filename: str
    size_bytes: int
    sha256: str
    uploaded_at: Instant
    file_url: str = Field(description="Anyone can fetch the file for an hour, without a token.")

    @classmethod
    def from_document(cls, model: Document) -> Self:
        return cls(
            model_id=model.id,
            uploaded_at=model.created_at,
            file_url=trained_models.download_url(model),
            **model.body,
        )


class UploadIn(Schema):
    """A trained model whose file is uploaded by a link."""

    name: ModelName
    filename: Annotated[str, StringConstraints(min_length=1, max_length=255)]
    description: str | None = Field(default=None, max_length=2_000)
    size_bytes: int = Field(ge=1, le=trained_models.MAX_BYTES)
    sha256: Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")] = Field(description="Of the file.")

    @property
    def file(self) -> ModelFile:
        """The engine's file."""
        return ModelFile(**self.model_dump())


class HeaderOut(Schema):
    """A header of the upload."""

    name: str
    value: str


class UploadOut(Schema):
    """A model whose file is there; or where to PUT it, within an hour, with these headers."""

    model_id: str
    model: ModelOut | None
    upload_url: str | None
    upload_headers: list[HeaderOut] | None

    @classmethod
    def from_upload(cls, made: Document | UploadLink) -> Self:
        if isinstance(made, UploadLink):
            headers = [HeaderOut(name=name, value=value) for name, value in made.headers.items()]
            return cls(model_id=made.model_id, model=None, upload_url=made.url, upload_headers=headers)
        return cls(model_id=made.id, model=ModelOut.from_document(made), upload_url=None, upload_headers=None)


class PatternOut(Schema):
    """A property of content that people approved more often than content without it."""

    id: str
    description: str
    confidence: float = Field(ge=0, le=1, description="The share of approved content among what has the property.")
    applicable_domains: list[str] = Field(description="The categories of that content.")
    sample_size: int

    @classmethod
    def from_pattern(cls, pattern: Pattern) -> Self:
        return cls(
            id=pattern.id,
            description=pattern.description,
            confidence=pattern.confidence,
            applicable_domains=list(pattern.domains),
            sample_size=pattern.sample_size,
        )


class PatternList(Schema):
    """The patterns, the most certain one first. None has a sample of less than ten with and ten without."""

    patterns: list[PatternOut]
    sample_size: int = Field(description="How many approved and rejected contents there are, up to 500.")


@training_routes.post("/export")
def export_training_data(caller: Caller, body: ExportIn | None = None) -> ExportOut:
    """Export what people approved and rejected. What takes longer than some seconds is completed in the background."""
    wanted = body or ExportIn()
    return ExportOut.from_document(exports.start(caller.org, caller.subject, wanted.format))


@training_routes.get("/export/{export_id}")
def get_export(caller: Caller, export_id: Id) -> ExportOut:
    """Get an export, with a new link to its file. An extension of the document."""
    return ExportOut.from_document(exports.get(caller.org, export_id))


@training_routes.post("/upload-model")
def upload_model(caller: Caller, body: TrainedModelIn) -> ModelOut:
    """Upload a trained model: a form with `file`, of up to 4 MB, and perhaps `name` and `description`."""
    file = body.file
    model = trained_models.upload(caller.org, caller.subject, body.title, file.filename, file.content, body.description)
    return ModelOut.from_document(model)


@training_routes.post("/uploads")
def upload_model_by_link(caller: Caller, body: UploadIn) -> UploadOut:
    """Upload a model of up to 500 MB: get a link, PUT the file there, and send the same request again. An extension of
    the document."""
    return UploadOut.from_upload(trained_models.upload_by_link(caller.org, caller.subject, body.file))


@training_routes.get("/models/{model_id}")
def get_trained_model(caller: Caller, model_id: Id) -> ModelOut:
    """Get a trained model, with a new link to its file. An extension of the document."""
    return ModelOut.from_document(trained_models.get(caller.org, model_id))


@routes.get("/learning-patterns")
def list_learning_patterns(caller: Caller) -> PatternList:
    """List what the newest 500 approved and rejected contents teach."""
    sample = examples.read_sample(caller.org)
    patterns = [PatternOut.from_pattern(pattern) for pattern in find_patterns(sample)]
    return PatternList(patterns=patterns, sample_size=len(sample))
