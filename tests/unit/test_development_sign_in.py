"""The page of the development provider shows what its server gives it: a name that differs is an internal error."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, meta

from deploy.sign_in import server

FOLDER = Path(server.__file__).parent


def test_the_page_asks_for_the_values_that_the_server_gives() -> None:
    source = (FOLDER / "page.html").read_text(encoding="utf-8")
    wanted = meta.find_undeclared_variables(Environment(loader=FileSystemLoader(FOLDER), autoescape=True).parse(source))
    given = (FOLDER / "server.py").read_text(encoding="utf-8").partition(".render(")[2].partition(")")[0]
    assert wanted == {each.partition("=")[0].strip() for each in given.split(",")}
