"""Applications that may ask users for leave: registered, listed and deleted by an admin."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints

from chalicelib.apis.projects.paging import PageNumber, PageSize, slice_page
from chalicelib.apis.projects.permissions import Permission
from chalicelib.apis.projects.schemas import Deleted
from chalicelib.domain.accounts import redirect_uris as redirects
from chalicelib.edge import Caller, CamelSchema, Created, Instant, Paged, Request, Routes
from chalicelib.engine.oauth import clients
from chalicelib.engine.oauth.clients import Client, Registration

routes = Routes("/api/v1/oauth/clients", tag="OAuth")

Kind = Literal["public", "confidential"]
ClientId = Annotated[str, StringConstraints(min_length=1, max_length=128)]


def _registrable(uri: str) -> str:
    if (fault := redirects.fault(uri)) is not None:
        raise ValueError(fault)
    return uri


class ClientIn(CamelSchema):
    """An application."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=100)] = Field(
        description="Users see it.", examples=["Roadmap"]
    )
    redirect_uris: list[Annotated[str, AfterValidator(_registrable)]] = Field(
        min_length=1,
        max_length=10,
        description="Where users are sent back to: https, or http on a loopback address, there on any port.",
        examples=[["https://roadmap.example/oauth/callback"]],
    )
    type: Kind = Field(
        default="confidential",
        description="A public one runs where it can keep no secret, such as in a browser; it must use PKCE.",
    )
    scopes: list[Permission] = Field(min_length=1, max_length=13, examples=[["tasks:read", "agents:read"]])

    def registration(self) -> Registration:
        return Registration(self.name, self.redirect_uris, list(dict.fromkeys(self.scopes)), self.type == "public")


class ClientOut(CamelSchema):
    """An application, as it is registered."""

    client_id: str = Field(examples=["client_abc123"])
    name: str
    type: Kind
    redirect_uris: list[str]
    scopes: list[str]
    created_at: Instant
    client_secret: str | None = Field(default=None, description="Shown once, when a confidential one is registered.")

    @classmethod
    def of(cls, client: Client, secret: str | None = None) -> Self:
        return cls(
            client_id=client.id,
            name=client.name,
            type="public" if client.public else "confidential",
            redirect_uris=list(client.redirect_uris),
            scopes=list(client.scopes),
            created_at=client.created_at,
            client_secret=secret,
        )


@routes.post(status=201, errors=[409])
def register_client(caller: Caller, body: ClientIn) -> Created[ClientOut]:
    """Register an application. Its secret is shown this once."""
    client, secret = clients.register(caller.org, caller.subject, body.registration())
    return Created(ClientOut.of(client, secret), location=f"/api/v1/oauth/clients/{client.id}")


@routes.get()
def list_clients(caller: Caller, request: Request, page: PageNumber = 1, limit: PageSize = 20) -> Paged[ClientOut]:
    """List the applications, newest first."""
    rows = [ClientOut.of(client) for client in clients.list_clients(caller.org)]
    return slice_page(request, rows, page=page, limit=limit)


@routes.delete("/{clientId}")
def delete_client(caller: Caller, client_id: ClientId) -> Deleted:
    """Delete an application; the tokens that it was given end within half a minute."""
    clients.delete(caller.org, client_id)
    return Deleted(id=client_id)
