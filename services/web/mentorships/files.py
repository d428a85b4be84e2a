"""Files that a service makes, passed on as they are."""

from fastapi import Response

from services.web.clients.transport import File


def passed_on(file: File, *, name: str = "") -> Response:
    """`name`: of a file to save; without it the browser shows the file."""
    headers = {"content-security-policy": file.policy} if file.policy else {}
    if name:
        headers["content-disposition"] = f'attachment; filename="{name}"'
    return Response(file.content, media_type=file.media_type, headers=headers)
