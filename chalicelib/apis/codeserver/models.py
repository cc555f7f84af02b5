"""Language models (delqhi-platform.md, "Model Management" of Agent-04.1)."""

from typing import Annotated, Self

from pydantic import Field, StringConstraints

from chalicelib.domain.models.catalogue import Entry
from chalicelib.edge import Caller, NaiveInstant, Routes, Schema
from chalicelib.engine.models import catalogue, current_model
from chalicelib.engine.models.catalogue import ModelStatus
from chalicelib.engine.models.current_model import CurrentModel

routes = Routes("/api", tag="Models")

ModelId = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class ModelRow(Schema):
    """A model. `active`: it can be called. `installing`: its optional packages are being installed. `unavailable`: its
    key or its packages are missing."""

    id: str = Field(examples=["claude-opus"])
    name: str = Field(examples=["Claude 3 Opus"])
    provider: str = Field(examples=["anthropic"])
    context_length: int = Field(description="In tokens.", examples=[200_000])
    status: ModelStatus
    description: str = Field(description="What the operator says of it; may be empty.")

    @classmethod
    def from_entry(cls, entry: Entry) -> Self:
        model = entry.model
        return cls(
            id=model.id,
            name=model.name,
            provider=entry.provider.name,
            context_length=model.context_length,
            status=catalogue.model_status(entry),
            description=model.description,
        )


class ModelList(Schema):
    """The models of this deployment, the preferred ones first; none where none is configured."""

    models: list[ModelRow]
    total: int


class CurrentModelOut(Schema):
    """The org's model, and the parameters with which it is called."""

    id: str
    name: str
    provider: str
    context_length: int
    temperature: float
    top_p: float

    @classmethod
    def from_current(cls, current: CurrentModel) -> Self:
        provider, model = current.entry
        return cls(
            id=model.id,
            name=model.name,
            provider=provider.name,
            context_length=model.context_length,
            temperature=current.temperature,
            top_p=current.top_p,
        )


class SwitchIn(Schema):
    """The model to use from now on. Parameters that are left out stay as they are."""

    model_id: ModelId = Field(description="One of those that /api/models lists.", examples=["gpt-4"])
    temperature: float | None = Field(default=None, ge=0, le=2, strict=True, description="0.7 until it is set.")
    top_p: float | None = Field(default=None, gt=0, le=1, strict=True, description="0.95 until it is set.")


class SwitchOut(Schema):
    """The model that is used from now on."""

    id: str
    name: str
    provider: str
    switched_at: NaiveInstant


@routes.get("/models")
def list_models(caller: Caller) -> ModelList:
    """List the models that the org can use."""
    rows = [ModelRow.from_entry(entry) for entry in catalogue.list_models(caller.org)]
    return ModelList(models=rows, total=len(rows))


@routes.get("/model/current", errors=[503])
def get_current_model(caller: Caller) -> CurrentModelOut:
    """See which model the org uses. Until one is chosen it is the first of the list."""
    return CurrentModelOut.from_current(current_model.get_current(caller.org))


@routes.post("/model/switch", errors=[503])
def switch_model(caller: Caller, body: SwitchIn) -> SwitchOut:
    """Choose the model that the org uses from the next call on."""
    current = current_model.switch(
        caller.org, body.model_id, temperature=body.temperature, top_p=body.top_p, by=caller.subject
    )
    provider, model = current.entry
    return SwitchOut(id=model.id, name=model.name, provider=provider.name, switched_at=current.switched_at_ms)
