"""Applications that can ask users for consent: an admin registers, lists and deletes them."""

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

ClientType = Literal["public", "confidential"]
ClientId = Annotated[str, StringConstraints(min_length=1, max_length=128)]


def _check_redirect_uri(uri: str) -> str:
    if (fault := redirects.fault(uri)) is not None:
        raise ValueError(fault)
    return uri


class ClientIn(CamelSchema):
    """An application to be registered."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=100)] = Field(
        description="Shown to users.", examples=["Roadmap"]
    )
    redirect_uris: list[Annotated[str, AfterValidator(_check_redirect_uri)]] = Field(
        min_length=1,
        max_length=10,
        description="Where users are redirected to: https, or http on a loopback address, where any port is accepted.",
        examples=[["https://roadmap.example/oauth/callback"]],
    )
    type: ClientType = Field(
        default="confidential",
        description="A public application cannot keep a secret, for example in a browser; it must use PKCE.",
    )
    scopes: list[Permission] = Field(min_length=1, max_length=13, examples=[["tasks:read", "agents:read"]])

    def to_registration(self) -> Registration:
        """The engine's registration of this application."""
        return Registration(self.name, self.redirect_uris, list(dict.fromkeys(self.scopes)), self.type == "public")


class ClientOut(CamelSchema):
    """A registered application."""

    client_id: str = Field(examples=["client_abc123"])
    name: str
    type: ClientType
    redirect_uris: list[str]
    scopes: list[str]
    created_at: Instant
    client_secret: str | None = Field(
        default=None, description="Only in the response to the registration of a confidential application."
    )

    @classmethod
    def from_client(cls, client: Client, secret: str | None = None) -> Self:
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
    """Register an application. Only this response shows its secret."""
    client, secret = clients.register(caller.org, caller.subject, body.to_registration())
    return Created(ClientOut.from_client(client, secret), location=f"/api/v1/oauth/clients/{client.id}")


@routes.get()
def list_clients(caller: Caller, request: Request, page: PageNumber = 1, limit: PageSize = 20) -> Paged[ClientOut]:
    """List the applications, newest first."""
    rows = [ClientOut.from_client(client) for client in clients.list_clients(caller.org)]
    return slice_page(request, rows, page=page, limit=limit)


@routes.delete("/{clientId}")
def delete_client(caller: Caller, client_id: ClientId) -> Deleted:
    """Delete an application. Its tokens end within 30 seconds."""
    clients.delete(caller.org, client_id)
    return Deleted(id=client_id)
