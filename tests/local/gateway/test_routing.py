import pytest

from chalicelib.edge import Routes
from infra.local.gateway.routing import Router

routes = Routes("", tag="Toys", public=True)
for path in ("/", "/a/{x}", "/a/b", "/a/{x}/c", "/a/b/d", "/files/{path+}", "/files/{name}/raw"):
    routes.get(path, name=path)(lambda: None)
routes.delete("/a/{x}", name="delete")(lambda: None)
router = Router(routes.endpoints)


@pytest.mark.parametrize(
    ("path", "template", "values"),
    [
        ("/", "/", {}),
        ("/a/b", "/a/b", {}),
        ("/a/%62", "/a/b", {}),
        ("/a/b/", "/a/b", {}),
        ("/a/1", "/a/{x}", {"x": "1"}),
        ("/a/%2e%2e%2f", "/a/{x}", {"x": "%2e%2e%2f"}),
        ("/a/b/c", "/a/{x}/c", {"x": "b"}),
        ("/files/one", "/files/{path+}", {"path": "one"}),
        ("/files/one/two.txt", "/files/{path+}", {"path": "one/two.txt"}),
        ("/files//one/two.txt", "/files/{path+}", {"path": "/one/two.txt"}),
        ("/files/one/raw", "/files/{name}/raw", {"name": "one"}),
    ],
)
def test_a_path_leads_to_the_most_literal_template(path: str, template: str, values: dict[str, str]) -> None:
    match = router.match(path)
    assert match is not None
    assert (match.template, match.values) == (template, values)


@pytest.mark.parametrize(
    "path", ["a/b", "//a/b", "/a", "/a//", "/a//c", "/a/1/2", "/a/b/c/d", "/files", "/files/", "/files//"]
)
def test_a_path_that_is_nowhere_leads_nowhere(path: str) -> None:
    assert router.match(path) is None


def test_the_methods_of_a_template_are_known() -> None:
    match = router.match("/a/1")
    assert match is not None
    assert {method: endpoint.name for method, endpoint in match.methods.items()} == {
        "GET": "/a/{x}",
        "DELETE": "delete",
    }
