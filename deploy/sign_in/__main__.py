"""`python -m deploy.sign_in --issuer FOLDER --public ADDRESS --web ADDRESS --profiles ADDRESS --host H --port P`."""

import argparse
from pathlib import Path

import uvicorn

from deploy.issuer import LocalIssuer
from deploy.sign_in.people import People
from deploy.sign_in.provider import Provider
from deploy.sign_in.server import create_app


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m deploy.sign_in")
    parser.add_argument("--issuer", type=Path, required=True, help="the folder of the local issuer's key")
    parser.add_argument("--public", required=True, help="where browsers find this provider")
    parser.add_argument("--web", required=True, help="where browsers find the web application")
    parser.add_argument("--profiles", required=True, help="the address of profiles, which knows the people")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--access-seconds", type=int, default=300, help="lifetime of an access token")
    given = parser.parse_args()
    issuer = LocalIssuer.load(given.issuer)
    provider = Provider(issuer, public=given.public, web=given.web, access_seconds=given.access_seconds)
    app = create_app(provider, People(issuer, given.profiles))
    uvicorn.run(app, host=given.host, port=given.port, log_level="warning")


if __name__ == "__main__":
    main()
