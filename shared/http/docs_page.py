"""Serves `/docs` with Swagger UI from the image: reading an API's documentation contacts no other host.

Swagger UI comes from the package fastapi-offline; nothing else of it is used. The content security policy allows only
this service's scripts, styles and answers, and no inline code.
"""

from importlib import resources

from fastapi import APIRouter, Response
from fastapi.responses import HTMLResponse

from shared.errors import NotFound

_TYPES = {"swagger-ui.css": "text/css", "swagger-ui-bundle.js": "text/javascript"}
_POLICY = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
_PAGE = """<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width">
  <title>API documentation</title>
  <link rel="icon" href="data:,">
  <link rel="stylesheet" href="docs/swagger-ui.css">
</head>
<body>
  <div id="docs"></div>
  <script src="docs/swagger-ui-bundle.js"></script>
  <script src="docs/start.js"></script>
</body>
</html>
"""
# Without `validatorUrl: null` the page sends the document to Swagger's validator.
_START = 'SwaggerUIBundle({url: "openapi.json", dom_id: "#docs", deepLinking: true, validatorUrl: null});\n'


def docs_page() -> APIRouter:
    routes = APIRouter(include_in_schema=False)

    @routes.get("/docs")
    async def page() -> HTMLResponse:
        return HTMLResponse(_PAGE, headers=_POLICY)

    @routes.get("/docs/start.js")
    async def start() -> Response:
        return Response(_START, media_type="text/javascript", headers=_POLICY)

    @routes.get("/docs/{name}")
    def file(name: str) -> Response:
        if name not in _TYPES:
            raise NotFound("route_not_found", "no such file")
        content = (resources.files("fastapi_offline") / "static" / name).read_bytes()
        return Response(content, media_type=_TYPES[name], headers=_POLICY | {"cache-control": "max-age=86400"})

    return routes
