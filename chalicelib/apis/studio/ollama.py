"""The deployment's Ollama server (glad-labs.md, "Ollama Models"): public, but for the choice of an org's model."""

from typing import Annotated, Self

from pydantic import Field, StringConstraints

from chalicelib.domain.models.ollama_models import InstalledModel
from chalicelib.edge import Caller, Instant, Routes, Schema
from chalicelib.engine.models import ollama
from chalicelib.engine.models.ollama import HealthStatus, WarmUp

routes = Routes("/api/ollama", tag="Ollama", public=True)

ModelName = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class OllamaHealth(Schema):
    """`degraded`: it does not answer as its protocol says, or not in time. `offline`: it cannot be reached, or none is
    configured."""

    status: HealthStatus
    uptime: int | None = Field(description="Null: Ollama does not say.")
    memory_usage: int | None = Field(description="Bytes of the models in memory; null unless healthy.")


class OllamaModel(Schema):
    """A model that Ollama has; null is what it does not say."""

    name: str
    size: str | None = Field(examples=["7b"])
    parameters: int | None
    quantization: str | None = Field(examples=["4bit"])

    @classmethod
    def from_model(cls, model: InstalledModel) -> Self:
        return cls(
            name=model.name,
            size=model.parameter_size.lower() or None,
            parameters=model.parameters,
            quantization=model.quantization,
        )


class OllamaModelList(Schema):
    """The models that Ollama has; none where no Ollama is configured."""

    models: list[OllamaModel]


class ModelIn(Schema):
    """A model by its name."""

    model: ModelName = Field(examples=["mistral"])


class WarmedUp(Schema):
    """`ready`: it was in memory. `loaded`: it is now. `warming`: another request loads it."""

    status: WarmUp
    progress: int | None = Field(description="100 when it is in memory; null while it is not, as Ollama says nothing.")


class OllamaStatus(Schema):
    """What is in Ollama's memory; null without Ollama."""

    active_model: str | None = Field(description="Of the models in memory, the one used last; null without one.")
    memory_allocated: int | None = Field(description="Bytes of the models in memory.")
    requests_per_second: float | None = Field(description="Null: Ollama does not say.")


class SelectedOut(Schema):
    """The org's model from now on."""

    model: str = Field(description="Its id in /api/models.")
    name: str
    provider: str
    selected_at: Instant


@routes.get("/health")
def get_ollama_health() -> OllamaHealth:
    """See whether Ollama answers."""
    health = ollama.get_health()
    return OllamaHealth(status=health.status, uptime=None, memory_usage=health.memory_bytes)


@routes.get("/models", errors=[503])
def list_ollama_models() -> OllamaModelList:
    """List the models that Ollama has."""
    return OllamaModelList(models=[OllamaModel.from_model(model) for model in ollama.list_installed()])


@routes.post("/warmup", errors=[503, 504])
def warm_up_model(body: ModelIn) -> WarmedUp:
    """Load a model into memory, within 25 seconds."""
    status = ollama.warm_up(body.model)
    return WarmedUp(status=status, progress=None if status == "warming" else 100)


@routes.get("/status", errors=[503])
def get_ollama_status() -> OllamaStatus:
    """See which models are in memory."""
    loaded = ollama.find_loaded()
    memory = sum(model.size_bytes for model in loaded) if loaded is not None else None
    return OllamaStatus(
        active_model=loaded[0].name if loaded else None, memory_allocated=memory, requests_per_second=None
    )


@routes.post("/select-model", public=False, errors=[503])
def select_model(caller: Caller, body: ModelIn) -> SelectedOut:
    """Choose one of Ollama's models as the org's model, by its id in MODELS or by Ollama's name."""
    current = ollama.select(caller.org, body.model, caller.subject)
    provider, model = current.entry
    return SelectedOut(model=model.id, name=model.name, provider=provider.name, selected_at=current.switched_at_ms)
