"""HTML pages of the OAuth flow: sign-in, consent and errors.

They have no scripts and load nothing from other sites. Every text in them is escaped.
"""

import base64
import hashlib
import html
from collections.abc import Mapping
from dataclasses import replace
from string import Template

from chalicelib.domain.accounts import redirect_uris
from chalicelib.edge import Cookie, Html
from chalicelib.engine.oauth.types import Question
from chalicelib.errors import Forbidden, TooManyRequests, Unauthenticated

SignInError = Unauthenticated | TooManyRequests | Forbidden
"""Why the user is not signed in. The status is not 401, which would make the browser ask for other credentials."""

STYLE = """
:root { color-scheme: light dark;
  --ink: #1b1f24; --paper: #fff; --back: #eef1f4; --line: #8a94a0; --act: #0b57d0; --on: #fff }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8eaed; --paper: #202327; --back: #14161a; --act: #8ab4f8; --on: #14161a }
}
* { box-sizing: border-box }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1rem;
  font: 1rem/1.5 system-ui, sans-serif; color: var(--ink); background: var(--back) }
main { width: 100%; max-width: 26rem; padding: 1.5rem; border-radius: .75rem; background: var(--paper) }
h1 { margin: 0 0 1rem; font-size: 1.35rem; line-height: 1.3 }
label { display: block; margin-top: 1rem; font-weight: 600 }
input { width: 100%; padding: .65rem; font: inherit; color: inherit; background: transparent;
  border: 1px solid var(--line); border-radius: .4rem }
button { width: 100%; margin-top: 1rem; padding: .7rem; font: inherit; font-weight: 600; color: var(--on);
  background: var(--act); border: 1px solid var(--act); border-radius: .4rem; cursor: pointer }
button.plain { color: var(--act); background: transparent }
:focus-visible { outline: 3px solid var(--act); outline-offset: 2px }
.wrong { padding: .6rem .8rem; border-left: 4px solid #d93025 }
code { overflow-wrap: anywhere }
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
_PAGE = Template(
    '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
    '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    '<title>$title</title>\n<link rel="icon" href="data:,">\n<style>$style</style>\n</head>\n'
    "<body>\n<main>\n<h1>$title</h1>\n$content\n</main>\n</body>\n</html>\n"
)
_LOGIN = Template(
    '$wrong<p><strong>$name</strong> asks for access. Sign in to go on.</p>\n<form method="post" action="login">\n'
    '<input type="hidden" name="request" value="$request"><input type="hidden" name="word" value="$word">\n'
    '<label for="email">Email</label>\n<input id="email" name="email" type="email" autocomplete="username" '
    'maxlength="254" required value="$email"$first>\n'
    '<label for="password">Password</label>\n<input id="password" name="password" type="password" '
    'autocomplete="current-password" maxlength="128" required$second>\n'
    '<button type="submit">Sign in</button>\n</form>'
)
_CONSENT = Template(
    "<p>You are signed in as <strong>$user</strong>. <strong>$name</strong> wants to do this for you, "
    "as far as you may yourself:</p>\n<ul>\n$scopes</ul>\n<p>Your answer is sent to <code>$site</code>.</p>\n"
    '<form method="post" action="authorize">\n'
    '<input type="hidden" name="request" value="$request"><input type="hidden" name="word" value="$word">\n'
    '<button name="decision" value="approve">Allow</button>\n'
    '<button name="decision" value="deny" class="plain">Deny</button>\n'
    '<button name="decision" value="switch" class="plain">Sign in as somebody else</button>\n</form>'
)
_PARAMETER = Template('<dt>$name</dt><dd><code id="$name">$text</code></dd>')
_VERBS = {"read": "See", "write": "Create and change", "delete": "Delete", "admin": "Administer"}


_NOUNS = {"users": "people", "system": "the system"}


def login_page(
    question: Question,
    query: str,
    word: str,
    cookie: Cookie,
    *,
    error: SignInError | None = None,
    email: str = "",
) -> Html:
    """The sign-in page, with the error of the last attempt. The first empty field has the focus."""
    focus = {"first": "" if email else " autofocus", "second": " autofocus" if email else ""}
    markup = {"wrong": _error_markup(error.message) if error else "", **focus}
    content = _fill(_LOGIN, markup, name=question.client.name, request=query, word=word, email=email)
    page = _page("Sign in", content, question.redirect_uri, cookie)
    if isinstance(error, TooManyRequests):
        return replace(page, status=429, headers={**page.headers, "Retry-After": str(error.retry_after)})
    return replace(page, status=403) if error else page


def consent_page(question: Question, query: str, word: str, cookie: Cookie, user: str) -> Html:
    """The consent page: what the application asks for, and where the answer is sent."""
    markup = {"scopes": "".join(f"<li>{_escape(_permission_text(scope))}</li>\n" for scope in question.scopes)}
    name, site = question.client.name, redirect_uris.origin(question.redirect_uri)
    content = _fill(_CONSENT, markup, name=name, site=site, user=user, request=query, word=word)
    return _page(f"Allow {name}?", content, question.redirect_uri, cookie)


def refusal_page(message: str) -> Html:
    """The error page for a request that is refused without a redirect."""
    return replace(_page("This link does not work", _error_markup(message)), status=400)


def done_page(parameters: Mapping[str, str]) -> Html:
    """The parameters that the browser brought back: a stand-in for an application on the local stage."""
    rows = "".join(_fill(_PARAMETER, {}, name=name, text=text) for name, text in parameters.items())
    return _page("Back at the application", f"<dl>{rows}</dl>")


def _page(title: str, content: str, redirect_uri: str | None = None, cookie: Cookie | None = None) -> Html:
    text = _PAGE.substitute(title=_escape(title), style=STYLE, content=content)
    return Html(text, _headers(redirect_uri), cookies=() if cookie is None else (cookie,))


def _headers(redirect_uri: str | None) -> dict[str, str]:
    """The security headers of a page.

    A form's response can redirect, and browsers check the redirect against form-action. A policy cannot name an IPv6
    address, so its scheme is allowed instead.
    """
    site = redirect_uris.origin(redirect_uri or "")
    forms = f"'self' {'http:' if '[' in site else site}" if site else "'none'"
    policy = (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; img-src data:; form-action {forms}; "
        "base-uri 'none'; frame-ancestors 'none'"
    )
    return {"Content-Security-Policy": policy, "X-Frame-Options": "DENY", "Referrer-Policy": "same-origin"}


def _permission_text(permission: str) -> str:
    """A permission in words for users."""
    noun, _, verb = permission.partition(":")
    return f"{_VERBS[verb]} {_NOUNS.get(noun, noun)}"


def _error_markup(message: str) -> str:
    return f'<p class="wrong" role="alert">{_escape(message)}</p>\n'


def _fill(template: Template, markup: Mapping[str, str], **texts: str) -> str:
    """The template with texts, which are escaped, and markup, which is not."""
    return template.substitute(markup, **{name: _escape(text) for name, text in texts.items()})


def _escape(text: str) -> str:
    return html.escape(text)
