"""`dagwarden local`: the whole stack on one machine, up, down and how to speak to it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from dagwarden.cli.output import print_facts, print_json, print_line
from dagwarden.errors import InvalidInput, Unavailable

app = typer.Typer(
    no_args_is_help=True, help="The whole of Dagwarden on this machine, on a local cloud: no account needed."
)

FolderOption = Annotated[Path, typer.Option("--folder", help="Folder that keeps everything.")]
DEFAULT_FOLDER = Path(".dagwarden/local")
START_TIMEOUT_S = 90.0
ENDINGS = (signal.SIGTERM, signal.SIGINT)


@app.command("up")
def up(
    folder: FolderOption = DEFAULT_FOLDER,
    cloud_only: Annotated[bool, typer.Option("--cloud-only", help="The local cloud alone: no functions.")] = False,
    detach: Annotated[bool, typer.Option("--detach", help="Leave it running; stop it with `local down`.")] = False,
) -> None:
    """Start the local cloud, the functions and four agents, and say how to speak to them."""
    folder = folder.resolve()
    if running := _read_pid(folder):
        print_line(f"already up, process {running}; stop it with `dagwarden local down`")
        return
    if detach:
        _detach(folder, cloud_only=cloud_only)
        _say_how(folder)
        return
    _run(folder, cloud_only=cloud_only)


@app.command("down")
def down(folder: FolderOption = DEFAULT_FOLDER) -> None:
    """Stop what `up` started. What it kept is kept: `up` goes on from there."""
    pid = _read_pid(folder.resolve())
    if pid is None:
        print_line("not up")
        return
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + 30.0
    while _is_alive(pid):
        if time.monotonic() > deadline:
            raise Unavailable(f"process {pid} has not ended", operation="stop local stack", hint="look into its logs/")
        time.sleep(0.05)
    print_line("down")


@app.command("env")
def env(
    folder: FolderOption = DEFAULT_FOLDER,
    who: Annotated[
        str, typer.Option("--as", help="Account to act as: ada, who may push; ops, the platform team.")
    ] = "ada",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print what to set to speak to the local stack: eval "$(dagwarden local env)"."""
    from localcloud.stack.blueprint import ACCOUNTS
    from localcloud.stack.run import Stack, to_shell

    if not (folder / "ports.json").exists():
        raise InvalidInput(f"{folder} holds no stack", operation="local env", hint="start one: dagwarden local up")
    if who not in ACCOUNTS:
        raise InvalidInput(f"{who!r} is none of {', '.join(ACCOUNTS)}", operation="local env")
    variables = Stack(folder).environ(who)
    if as_json:
        print_json(variables)
    else:
        sys.stdout.write(to_shell(variables))


def _run(folder: Path, *, cloud_only: bool) -> None:
    from localcloud.stack.run import Stack

    _end_when_told()
    stack = Stack(folder, with_functions=not cloud_only, with_agents=not cloud_only)
    pid_file = folder / "pid"
    pid_file.write_text(str(os.getpid()))
    try:
        with stack:
            (folder / "up").touch()
            _say_how(folder)
            while True:
                signal.pause()
    finally:
        (folder / "up").unlink(missing_ok=True)
        pid_file.unlink(missing_ok=True)


def _end_when_told() -> None:
    """Whatever is under way is left, so that a stack that is being started is stopped as fast as one that runs."""
    own = os.getpid()

    def end(number: int, _frame: object) -> None:
        if os.getpid() != own:
            return  # a child that has not become its program yet: the supervisor stops it
        for each in ENDINGS:
            signal.signal(each, signal.SIG_IGN)  # stopping takes a moment, and must not be cut short
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        raise SystemExit(0)

    for number in ENDINGS:
        signal.signal(number, end)


def _detach(folder: Path, *, cloud_only: bool) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "up").unlink(missing_ok=True)
    log = folder / "up.log"
    arguments = ["local", "up", "--folder", str(folder), *(["--cloud-only"] if cloud_only else [])]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", "from dagwarden.cli.main import main; main()", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        _await_up(folder, process, log)
    except BaseException:
        process.terminate()
        raise


def _await_up(folder: Path, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while not (folder / "up").exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise Unavailable(
                log.read_text(errors="replace")[-2000:] or "it did not start", operation="start local stack"
            )
        time.sleep(0.05)


def _say_how(folder: Path) -> None:
    from localcloud.stack.blueprint import ENVIRONMENT, INBOX
    from localcloud.stack.run import Stack

    shown = f" --folder {folder}" if folder != DEFAULT_FOLDER.resolve() else ""
    print_line("up")
    print_facts(
        [
            ("cloud", Stack(folder).endpoints.http),
            ("logs", folder / "logs"),
            ("speak to it", f'eval "$(dagwarden local env{shown})"'),
            ("push to it", f"git remote add prod dagwarden::gs://{INBOX}/{ENVIRONMENT} && git push prod main"),
            ("see", "dagwarden status --watch"),
            ("stop it", f"dagwarden local down{shown}"),
        ]
    )


def _read_pid(folder: Path) -> int | None:
    """The process of a running stack; a file left by one that was killed counts for nothing."""
    try:
        pid = int((folder / "pid").read_text())
    except (FileNotFoundError, ValueError):
        return None
    return pid if _is_alive(pid) else None


def _is_alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:1]
    except FileNotFoundError:
        return False
