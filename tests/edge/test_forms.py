"""Forms, pages, redirects and cookies for browsers."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field

from chalicelib.edge import Api, Cookie, Enveloped, FormSchema, Html, Redirect, Request, Routes, mount, openapi
from tests.edge.conftest import Logged
from tests.edge.toys import ToyOut, api_of, gateway_event

FORM = "application/x-www-form-urlencoded"


class Entry(FormSchema):
    user_name: str = Field(min_length=1, max_length=20)
    age: int = 0


doors = Routes("/door", tag="Doors", public=True)


@doors.post("/in")
def come_in(body: Entry) -> ToyOut:
    """Say who comes."""
    return ToyOut(toy_id=body.user_name, facts={"age": body.age})


@doors.get("/page")
def show_page(request: Request) -> Html | Redirect:
    """A page, or on to the next."""
    if "seen" in request.cookies:
        return Redirect("/door/öffnen?a=b c&d=%20\r\nSet-Cookie: x=y", cookies=[Cookie(name="seen", value="")])
    return Html("<p>?", {"X-Frame-Options": "DENY"}, 400, (Cookie(name="a", value="1"), Cookie(name="b", value="2")))


@doors.get("/moved", status=302)
def moved() -> Redirect:
    """Redirect to another host."""
    return Redirect("https://elsewhere.example/?code=secret", 302)


API: Api = replace(api_of(doors), dialect=Enveloped())
APP = mount(API)


def ask(method: str, path: str, body: Any = None, **headers: str) -> dict[str, Any]:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return dict(APP(gateway_event(method, path, path, None, sent, body), None))


def enter(body: Any, content_type: str = FORM) -> tuple[int, str]:
    answer = ask("POST", "/door/in", body, content_type=content_type)
    return answer["statusCode"], answer["body"]


def test_a_form_is_read_into_its_model() -> None:
    status, text = enter("user_name=J%C3%BCrgen+M%26M&age=7&unknown=")
    assert status == 200
    assert '"data":{"toyId":"Jürgen M&M","note":null,"facts":{"age":7}}' in text


@pytest.mark.parametrize("content_type", [FORM, FORM + "; charset=UTF-8", FORM.upper()])
def test_a_forms_content_types(content_type: str) -> None:
    assert enter("user_name=x", content_type)[0] == 200


@pytest.mark.parametrize("content_type", ["application/json", "multipart/form-data; boundary=x", "text/plain", ""])
def test_a_form_of_another_type_is_415(content_type: str) -> None:
    status, text = enter("user_name=x", content_type)
    assert status == 415
    assert f"The body must be {FORM}" in text


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ("", 422, '"user_name":["User name is required"]'),
        ("user_name=", 422, '"user_name":["User name must be a string of 1 to 20 characters'),
        ("user_name=x&age=old", 422, '"age":["Age must be an integer'),
        ("user_name=x&user_name=y", 422, '"user_name":["User name is given more than once"]'),
        ("user_name=%ff", 400, "not UTF-8"),
        (b"user_name=\xff", 400, "not UTF-8"),
        ("&".join(f"f{number}=" for number in range(101)), 400, "more than 100 fields"),
    ],
)
def test_a_wrong_form_is_explained(body: Any, status: int, said: str) -> None:
    found, text = enter(body)
    assert (found, said in text) == (status, True), text


@settings(max_examples=50)
@given(st.binary() | st.text())
def test_no_form_is_a_server_error(body: Any) -> None:
    assert enter(body)[0] in {200, 400, 422}


def test_a_page_has_its_own_status_headers_and_cookies() -> None:
    answer = ask("GET", "/door/page")
    assert (answer["statusCode"], answer["body"]) == (400, "<p>?")
    assert answer["headers"]["X-Frame-Options"] == "DENY"
    assert answer["headers"]["Content-Type"] == "text/html; charset=utf-8"
    assert answer["multiValueHeaders"]["Set-Cookie"] == [
        "a=1; Path=/; HttpOnly; SameSite=Lax; Secure",
        "b=2; Path=/; HttpOnly; SameSite=Lax; Secure",
    ]


def test_a_redirect_cannot_break_out_of_its_header() -> None:
    answer = ask("GET", "/door/page", cookie="other=1; seen=a=b; seen=c")
    assert (answer["statusCode"], answer["body"]) == (303, "")
    assert answer["headers"]["Location"] == "/door/%C3%B6ffnen?a=b%20c&d=%20%0D%0ASet-Cookie:%20x=y"
    assert "Content-Type" not in answer["headers"]


@pytest.mark.parametrize(
    ("header", "found"),
    [("a=1", {"a": "1"}), ("a=1; b=x=y;c", {"a": "1", "b": "x=y", "c": ""}), ("a=1; a=2", {"a": "1"}), ("; =1;", {})],
)
def test_cookies_are_read(header: str, found: dict[str, str]) -> None:
    request = Request("GET", "/", "/", {"cookie": header}, {}, {}, b"", "1")
    assert request.cookies == found


def test_a_cookie_with_a_lifetime_and_a_path() -> None:
    cookie = Cookie(name="session", value="ey.J-_", path="/oauth", max_age=600, secure=False)
    assert str(cookie) == "session=ey.J-_; Path=/oauth; Max-Age=600; HttpOnly; SameSite=Lax"


@pytest.mark.parametrize(
    ("name", "value"), [("a b", ""), ("", ""), ("a", "x;y"), ("a", "x\r\ny"), ("a", "ü"), ("a=", "")]
)
def test_what_no_cookie_can_hold_is_refused(name: str, value: str) -> None:
    with pytest.raises(ValueError, match="no cookie can have"):
        Cookie(name=name, value=value)


def test_forms_pages_and_redirects_are_described() -> None:
    paths = openapi(API)["paths"]
    assert list(paths["/door/in"]["post"]["requestBody"]["content"]) == [FORM]
    page = paths["/door/page"]["get"]["responses"]
    assert list(page["200"]["content"]) == ["text/html"]
    assert "content" not in page["303"]
    assert set(page["303"]["headers"]) == {"Location", "X-Request-Id"}
    assert "302" in paths["/door/moved"]["get"]["responses"]


def test_where_a_redirect_leads_is_not_logged(read_log: Logged) -> None:
    answer = ask("GET", "/door/moved")
    assert answer["headers"]["Location"].endswith("?code=secret")
    [line] = read_log()
    assert line["path"] == "/door/moved"
