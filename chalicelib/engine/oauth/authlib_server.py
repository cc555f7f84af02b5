"""The adapter to authlib: it tells authlib where applications, codes and sessions are. Imported by authorization.py.

Authlib judges the requests and writes nothing. By itself it would store the tokens and then delete the code, so two
requests at once could redeem one code. Both grants here do it in one transaction instead.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from authlib.oauth2.rfc6749 import (
    AuthorizationServer,
    ClientMixin,
    InvalidClientError,
    InvalidGrantError,
    InvalidRequestError,
    InvalidScopeError,
    OAuth2Error,
    OAuth2Request,
)
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant, RefreshTokenGrant
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc7636 import CodeChallenge

from chalicelib import ids
from chalicelib.engine.accounts import sessions
from chalicelib.engine.accounts.sessions import Tokens
from chalicelib.engine.oauth import clients, codes
from chalicelib.engine.oauth.clients import Client
from chalicelib.engine.oauth.codes import InvalidCode
from chalicelib.engine.oauth.types import Answer, Question, Refusal
from chalicelib.engine.security import encryption
from chalicelib.errors import Forbidden, Unauthenticated
from chalicelib.storage.access.oauth import Grant

SECRET_METHODS = ("client_secret_basic", "client_secret_post")
CLIENT_METHODS = (*SECRET_METHODS, "none")
"""How an application authenticates at the token endpoint; `none` is for public applications."""
BASIC = 'Basic realm="oauth", charset="UTF-8"'
"""Authlib names no realm, which RFC 7617 requires."""
GRANTS = ("authorization_code", "refresh_token")
Reply = tuple[int, Any, Sequence[tuple[str, str]]]
"""Status, body and headers, as authlib returns them."""
PLACEHOLDER_URL = "https://this.server/"
"""Authlib refuses plain http. TLS ends at the gateway, before this code, so authlib gets this URL."""


class Application(ClientMixin):  # type: ignore[misc]
    """An application with the methods that authlib calls."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def get_default_redirect_uri(self) -> str | None:
        return self.client.redirect(None)

    def get_allowed_scope(self, scope: str | None) -> str | None:
        asked = dict.fromkeys((scope or "").split()) or self.client.scopes
        return " ".join(asked) if set(asked) <= set(self.client.scopes) else None

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return self.client.redirect(redirect_uri) is not None

    def check_client_secret(self, client_secret: str) -> bool:
        return encryption.has_fingerprint(client_secret, self.client.fingerprint or "")

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:  # noqa: ARG002 - there is one endpoint
        return method == "none" if self.client.public else method in SECRET_METHODS

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in GRANTS


class ParsedRequest(OAuth2Request):  # type: ignore[misc]
    """A request in the form that authlib reads."""

    def __init__(self, method: str, parameters: Mapping[str, str], headers: Mapping[str, str]) -> None:
        super().__init__(method, PLACEHOLDER_URL, headers=headers)
        self.payload = BasicOAuth2Payload(parameters)

    @property
    def form(self) -> Mapping[str, str]:
        parameters: Mapping[str, str] = self.payload.data
        return parameters


class Challenge(CodeChallenge):  # type: ignore[misc]
    """PKCE, by S256 alone; a public application must use it (RFC 9700, section 2.1.1)."""

    def validate_code_challenge(self, grant: Any, redirect_uri: str) -> None:
        parameters = grant.request.payload.data
        if "code_challenge" in parameters and parameters.get("code_challenge_method") != "S256":
            raise InvalidRequestError("The code_challenge_method must be S256.")
        if "code_challenge" not in parameters and grant.client.client.public:
            raise InvalidRequestError("A public application must send a code_challenge.")
        super().validate_code_challenge(grant, redirect_uri)


class Code(NamedTuple):
    """A code that is to be redeemed, with the attributes that authlib reads."""

    text: str
    grant: Grant
    code_challenge_method: str = "S256"

    @property
    def code_challenge(self) -> str | None:
        return self.grant.code_challenge

    def get_redirect_uri(self) -> str | None:
        return self.grant.redirect_uri


def _token_reply(tokens: Tokens) -> Reply:
    return 200, {"token_type": "Bearer", **tokens._asdict()}, ()


class CodeGrant(AuthorizationCodeGrant):  # type: ignore[misc]
    """The authorization code grant: a code when the user agrees, and tokens for the code."""

    TOKEN_ENDPOINT_AUTH_METHODS = CLIENT_METHODS

    def generate_authorization_code(self) -> str:
        return ids.secret("code")

    def save_authorization_code(self, code: str, request: Any) -> None:
        parameters, client = request.payload, request.client.client
        challenge = parameters.data.get("code_challenge")
        codes.issue(client, request.user, request.scope, parameters.redirect_uri, challenge, code)

    def query_authorization_code(self, code: str, client: Application) -> Code | None:
        try:
            return Code(code, codes.find(code, client.client))
        except InvalidCode:
            return None

    def create_token_response(self) -> Reply:
        code: Code = self.request.authorization_code
        try:
            return _token_reply(codes.redeem(code.text, code.grant))
        except InvalidCode:
            raise InvalidGrantError("Invalid 'code' in request.") from None


class RefreshGrant(RefreshTokenGrant):  # type: ignore[misc]
    """The refresh token grant: it uses the refresh token up, and can limit the scope further."""

    TOKEN_ENDPOINT_AUTH_METHODS = CLIENT_METHODS

    def authenticate_refresh_token(self, refresh_token: str) -> "RefreshGrant":  # noqa: ARG002
        """Accept it here: it is checked and used up in one step, when the new tokens are made."""
        return self

    def check_client(self, client: Application) -> bool:  # noqa: ARG002
        return True

    def get_scope(self) -> str | None:
        scope: str | None = self.request.payload.scope
        return scope

    def create_token_response(self) -> Reply:
        parameters = self.request.payload
        try:
            return _token_reply(
                sessions.refresh(parameters.data["refresh_token"], self.request.client.client.id, parameters.scope)
            )
        except Unauthenticated:
            raise InvalidGrantError("The refresh token is used, revoked or expired.") from None
        except Forbidden:
            raise InvalidScopeError("The scope is more than was granted.") from None


class Server(AuthorizationServer):  # type: ignore[misc]
    """Both endpoints, for one request."""

    def __init__(self) -> None:
        super().__init__()
        self.register_grant(CodeGrant, [Challenge()])
        self.register_grant(RefreshGrant)
        self._known: dict[str, Application | None] = {}

    def query_client(self, client_id: str) -> Application | None:
        if client_id not in self._known:
            client = clients.find(client_id)
            self._known[client_id] = None if client is None else Application(client)
        return self._known[client_id]

    def create_oauth2_request(self, request: ParsedRequest) -> ParsedRequest:
        return request

    def handle_response(self, status: int, body: Any, headers: Any) -> Answer:
        return Answer(status, body, dict(headers))

    def handle_error_response(self, request: ParsedRequest, error: OAuth2Error) -> Answer:  # noqa: ARG002
        if not isinstance(error, InvalidClientError):
            return self.handle_response(*error())
        # The same error for all reasons: a caller must not learn whether there is such an application.
        error.status_code, error.description = 401, "The application is unknown, or did not prove itself."
        status, body, headers = error()
        return self.handle_response(status, body, {**dict(headers), "WWW-Authenticate": BASIC})

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Nobody listens."""


def read_question(parameters: Mapping[str, str], add_issuer: Callable[[str], str]) -> Question | Refusal:
    """Judge an application's request. `add_issuer` adds this server's name to the URL to which the browser is sent."""
    server, request = Server(), ParsedRequest("GET", parameters, {})
    try:
        grant = server.get_consent_grant(request)
    except OAuth2Error as error:
        if error.redirect_uri is None:
            return Refusal(_redirect_fault(server, parameters), None)
        return Refusal(error.description, add_issuer(server.handle_error_response(request, error).headers["Location"]))

    def answer(user_id: str | None) -> str:
        return add_issuer(server.create_authorization_response(request, user_id, grant).headers["Location"])

    return Question(request.client.client, tuple(request.scope.split()), grant.redirect_uri, answer)


def _redirect_fault(server: Server, parameters: Mapping[str, str]) -> str:
    """Why the browser cannot be sent back, for its user."""
    if server.query_client(parameters.get("client_id", "")) is None:
        return "The application that sent you here is not registered."
    return "The application that sent you here wants you back at an address that it has not registered."


def exchange(form: Mapping[str, str], authorization: str | None) -> Answer:
    """Answer the token endpoint."""
    headers = {} if authorization is None else {"Authorization": authorization}
    answer: Answer = Server().create_token_response(ParsedRequest("POST", form, headers))
    return answer
