"""The documentation endpoints: the OpenAPI document, and Swagger UI as one page that needs no network.

The generator and the assets are read on first use only: requests to the API itself never pay for them.
"""

import html
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from chalicelib.edge.api import Api
from chalicelib.edge.responses import Html, JsonText
from chalicelib.edge.routing import Routes

ASSETS = Path(__file__).parent / "assets"
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data:; font-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The browser lets the page call this API only."""
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="data:,">
<style>{style}</style>
</head>
<body>
<div id="docs"></div>
<script>{script}</script>
<script>
SwaggerUIBundle({{url: {spec}, dom_id: "#docs", deepLinking: true, validatorUrl: null}});
</script>
</body>
</html>
"""


def openapi(api: Api) -> dict[str, Any]:
    """The API's OpenAPI 3.1 document, made from the endpoints that are mounted."""
    from chalicelib.edge.openapi_document import document

    return document(api)


def docs_page(api: Api, spec: str = "openapi.json") -> str:
    """Swagger UI for the API as one HTML page; `spec` is the document's URL relative to the page's."""
    return PAGE.format(
        title=html.escape(api.title),
        style=_without_source_map((ASSETS / "swagger-ui.css").read_text("utf-8")),
        script=_escape_script((ASSETS / "swagger-ui-bundle.js").read_text("utf-8")),
        spec=_escape_script(json.dumps(spec)),
    )


def documentation_routes(api: Callable[[], Api], docs: str = "/docs") -> Routes:
    """Public endpoints for the page at `docs` and the document at `/openapi.json`.

    `api` is called on request, because the Api that these routes describe also holds them.
    """
    routes = Routes("", tag="Documentation", public=True)
    up = "../" * (docs.count("/") - 1)

    @routes.get(docs)
    def get_docs() -> Html:
        """This page."""
        return Html(docs_page(api(), f"{up}openapi.json"), {"Content-Security-Policy": POLICY})

    @routes.get("/openapi.json")
    def get_openapi() -> JsonText:
        """The OpenAPI document."""
        return JsonText(json.dumps(openapi(api()), ensure_ascii=False, separators=(",", ":")))

    return routes


def _escape_script(script: str) -> str:
    """The script, escaped so that no HTML parser ends it early; `\\x3c` is "<" in strings and regular expressions."""
    return script.replace("</script", r"\x3c/script").replace("<!--", r"\x3c!--")


def _without_source_map(style: str) -> str:
    return style.partition("/*# sourceMappingURL")[0]
