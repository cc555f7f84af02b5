"""The models of this deployment (glad-labs.md, "Models Metadata"): public, so without what an org has of its own."""

from typing import Annotated, Self

from pydantic import Field, StringConstraints

from chalicelib.domain.models.catalogue import Entry, Model
from chalicelib.edge import Routes, Schema
from chalicelib.engine.models import catalogue

routes = Routes("/api/models", tag="Models", public=True)
alternate = Routes("/api/models-list", tag="Models", public=True)

ModelName = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class PricingOut(Schema):
    """The prices that the operator names, in dollars for a million tokens; null where none is known."""

    input_usd_per_million: float | None
    output_usd_per_million: float | None
    priced_at: str | None = Field(description="The date on which the prices were true.")

    @classmethod
    def from_model(cls, model: Model) -> Self:
        return cls(
            input_usd_per_million=model.input_usd_per_million,
            output_usd_per_million=model.output_usd_per_million,
            priced_at=model.priced_at or None,
        )


class ModelRow(Schema):
    """A model."""

    id: str = Field(examples=["claude-3-sonnet"])
    name: str
    provider: str
    context_window: int = Field(description="In tokens.")
    pricing: PricingOut

    @classmethod
    def from_entry(cls, entry: Entry) -> Self:
        provider, model = entry
        return cls(
            id=model.id,
            name=model.name,
            provider=provider.name,
            context_window=model.context_length,
            pricing=PricingOut.from_model(model),
        )


class ModelDetails(ModelRow):
    """A model with what the operator says of it."""

    description: str
    max_output_tokens: int | None = Field(description="Null where the operator names no limit.")

    @classmethod
    def from_entry(cls, entry: Entry) -> Self:
        model, row = entry.model, ModelRow.from_entry(entry)
        return cls(**dict(row), description=model.description, max_output_tokens=model.max_output_tokens)


class ModelList(Schema):
    """The models in the order of preference; none where none is configured."""

    models: list[ModelRow]


@routes.get()
def list_models() -> ModelList:
    """List the models."""
    return ModelList(models=[ModelRow.from_entry(entry) for entry in catalogue.list_shared()])


@routes.get("/list")
def list_models_by_name() -> ModelList:
    """List the models, as /api/models does."""
    return list_models()


@alternate.get()
def list_models_at_alternate_path() -> ModelList:
    """List the models, as /api/models does."""
    return list_models()


@routes.get("/{model_name}", errors=[404])
def get_model(model_name: ModelName) -> ModelDetails:
    """Get a model by its id."""
    return ModelDetails.from_entry(catalogue.get_shared(model_name))


@routes.get("/{model_name}/info", errors=[404])
def get_model_info(model_name: ModelName) -> ModelDetails:
    """Get a model by its id, as /api/models/{model_name} does."""
    return get_model(model_name)
