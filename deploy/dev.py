"""The commands of `./dev`.

A command imports what only it needs: the services' libraries take two seconds to load, which `./dev match` can spare.
"""

import asyncio
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from deploy import testing
from deploy.names import MAIL, SIGN_IN, WEB
from deploy.rounds import commands
from deploy.stack.model import SERVICES, Kind, Unavailable

if TYPE_CHECKING:
    from deploy.running import Running

ROOT = Path(__file__).parent.parent
ROLES = ("member", "coordinator", "institution_coordinator", "integrator", "operator")
StackChoice = Annotated[Kind | None, typer.Option("--stack", help="use only this kind of Kafka and MongoDB")]

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
_console = Console()
_LOGGED = (*SERVICES, WEB, SIGN_IN, MAIL)


@app.command()
def demo(stack: StackChoice = None) -> None:
    """Shows the whole product once, on real Kafka and MongoDB, then stops what it started."""
    from deploy import running
    from deploy.demo import NeverArrived, Refused, run

    began = time.monotonic()
    with running.exclusive():
        already = running.current()
        _refuse_other_kind(already, stack)
        up = already or running.up(stack, console=_console, tied=True)
        try:
            _console.print(f"ready after {time.monotonic() - began:.1f} s on {up.kind}", highlight=False)
            asyncio.run(run(dict(up.addresses), running.issuer(), bootstrap=up.bootstrap))
        except (NeverArrived, Refused) as error:
            raise Unavailable(f"the demo could not finish: {error}") from error
        finally:
            if already is None:
                running.down(_console)
    _console.print(f"done in {time.monotonic() - began:.1f} s", highlight=False)


@app.command()
def up(stack: StackChoice = None) -> None:
    """Starts Kafka, MongoDB, all services and the web application, and leaves them running."""
    from deploy import running

    with running.exclusive():
        already = running.current()
        _refuse_other_kind(already, stack)
        _show(already or running.up(stack, console=_console, tied=False))


@app.command()
def down() -> None:
    """Stops what `up` started, and nothing else."""
    from deploy import running

    stopped = running.down(_console)
    _console.print(f"stopped {', '.join(stopped)}" if stopped else "nothing was running", highlight=False)


@app.command()
def status() -> None:
    """Shows what runs here and whether each service answers; exits with 1 unless all of them do."""
    from deploy import running

    running_here = running.last_started()
    if running_here is None:
        _console.print("nothing runs here: start it with ./dev up", highlight=False)
        raise typer.Exit(1)
    journal = running.journal()
    answering = {service: running_here.serves(service, journal) for service in running_here.addresses}
    table = Table("service", "address", "state")
    for service, address in running_here.addresses.items():
        table.add_row(service, address, "ready" if answering[service] else "does not answer: see ./dev logs " + service)
    _console.print(table)
    _console.print(f"{running_here.kind}; Kafka: {running_here.bootstrap}", highlight=False)
    raise typer.Exit(0 if all(answering.values()) else 1)


@app.command()
def logs(
    services: Annotated[
        list[str] | None, typer.Argument(help=f"{', '.join(_LOGGED)}; all of them if you name none")
    ] = None,
    *,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="keep showing new lines until you press Ctrl-C")
    ] = False,
    lines: Annotated[int, typer.Option(help="how many lines to show, from the end", min=0)] = 100,
) -> None:
    """Shows the last lines of the services' logs."""
    from deploy import running

    if unknown := sorted(set(services or ()) - set(_LOGGED)):
        raise typer.BadParameter(f"there is no service {', '.join(unknown)}: choose from {', '.join(_LOGGED)}")
    raise typer.Exit(running.show_logs(services or _LOGGED, follow=follow, lines=lines))


@app.command()
def token(
    role: Annotated[str, typer.Argument(help=", ".join(ROLES))],
    institution: Annotated[str | None, typer.Option(help="the institution's id; operators need none")] = None,
    subject: Annotated[str | None, typer.Option(help="who signs in; the role's name if you leave it out")] = None,
    programme: Annotated[
        list[str] | None, typer.Option(help="a programme that the coordinator may act for; may be repeated")
    ] = None,
    hours: Annotated[int, typer.Option(help="hours until the token expires")] = 8,
) -> None:
    """Prints a bearer token for local development."""
    from deploy import running

    if role not in ROLES:
        raise typer.BadParameter(f"there is no role {role}: choose from {', '.join(ROLES)}")
    if institution is None and role != "operator":
        raise typer.BadParameter(f"a {role} belongs to an institution: add --institution ID, such as st-anna")
    if role == "coordinator" and not programme:
        raise typer.BadParameter(
            "a coordinator acts for named programmes: add --programme ID, or use the role institution_coordinator"
        )
    print(
        running.issuer().token(
            subject or role,
            institution=institution,
            roles=[role],
            programmes=programme or [],
            lifetime_seconds=hours * 3600,
        )
    )


@app.command("test")
def run_tests(
    wanted: Annotated[list[str] | None, typer.Argument(help=f"{', '.join(testing.TIERS)}, or test files")] = None,
    *,
    full: Annotated[
        bool, typer.Option("--full", help="run every crash test and every example, and write docs/guarantees.md again")
    ] = False,
) -> None:
    """Runs every kind of test that this machine can run, and says which it cannot run and why."""
    raise typer.Exit(testing.test(wanted or [], _console, full=full))


@app.command()
def check() -> None:
    """Checks format, lint, types and import rules."""
    raise typer.Exit(testing.check(_console))


@app.command()
def texts() -> None:
    """Shows every sentence that a person reads, with sample data, so that it can be proofread."""
    from deploy import texts as samples

    for table in samples.tables():
        _console.print(table)


@app.command()
def mails() -> None:
    """Shows every mail in every language, with sample data; as HTML in `.dev/mails/`."""
    from deploy import mails as samples
    from deploy import running

    for locale, template, case, mail in samples.mails():
        _console.rule(f"{locale} {template} {case}: {mail['Subject']}")
        text = mail.get_body(("plain",))
        _console.print(text.get_content() if text else "", highlight=False, markup=False)
    _console.print(f"As HTML: {samples.write_pages(running.HOME / 'mails')}", highlight=False)


@app.command()
def machines() -> None:
    """Draws the state machines of mentorships into docs/mentorships.md."""
    from deploy import machines as drawings

    drawings.write()


app.command()(commands.match)
app.command()(commands.verify)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def bench(context: typer.Context) -> None:
    """Runs the benchmarks; all arguments go to `python -m bench`."""
    command = [sys.executable, "-m", "bench", *context.args]
    raise typer.Exit(subprocess.run(command, cwd=ROOT, check=False).returncode)


def _show(up: "Running") -> None:
    table = Table("service", "address", "docs")
    for service in SERVICES:
        table.add_row(service, up.addresses[service], f"{up.addresses[service]}/docs")
    _console.print(table)
    _console.print(f"Kafka: {up.bootstrap}; logs: .dev/logs", highlight=False)
    _console.print(f"Open {up.addresses[WEB]} in a browser", style="bold", highlight=False)
    _console.print(f"See the mail that is sent: {up.addresses[MAIL]}", highlight=False)
    _console.print("Get a token: ./dev token operator", highlight=False)
    for role in ROLES[:-1]:
        limit = " --programme ID" if role == "coordinator" else ""
        _console.print(f"             ./dev token {role} --institution ID{limit} --subject NAME", highlight=False)
    _console.print("See how it runs: ./dev status, ./dev logs. Stop all of it: ./dev down", highlight=False)


def _refuse_other_kind(already: "Running | None", wanted: Kind | None) -> None:
    if already and wanted and already.kind != wanted:
        raise Unavailable(f"already running on {already.kind}: stop it first with ./dev down")


def main() -> None:
    # A terminated demo stops what it started, as an interrupted one does.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        app(prog_name="./dev")
    except Unavailable as error:
        Console(stderr=True).print(f"{error}", style="red", highlight=False, markup=False, soft_wrap=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
