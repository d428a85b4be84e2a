"""Security headers of every answer. No page needs a script or a style from anywhere else, or inside its HTML."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=()",
}
_HTTPS_ONLY = {"strict-transport-security": "max-age=31536000"}
_PRIVATE = (b"cache-control", b"no-store")
"""Pages hold personal data: neither a proxy nor the browser's cache keeps them after sign-out."""


class SecurityHeaders:
    def __init__(self, app: ASGIApp, *, secure: bool) -> None:
        self._app = app
        headers = _HEADERS | (_HTTPS_ONLY if secure else {})
        self._headers = [(name.encode(), value.encode()) for name, value in headers.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = message["headers"]
                names = {name for name, _ in given}
                added = [(name, value) for name, value in (*self._headers, _PRIVATE) if name not in names]
                message["headers"] = [*given, *added]
            await send(message)

        await self._app(scope, receive, secured if scope["type"] == "http" else send)
