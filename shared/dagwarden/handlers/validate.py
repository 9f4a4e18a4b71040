"""The validator: lays a push over the release it would be put on, and imports what it affects in a sandbox."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import msgspec

from dagwarden.cloud.clients import Cloud
from dagwarden.cloud.functions import check_caller
from dagwarden.errors import (
    AccessDenied,
    Contended,
    DagwardenError,
    InvalidInput,
    NotFound,
    Permanent,
    PreconditionFailed,
)
from dagwarden.handlers.offer import Offer, read_offer
from dagwarden.handlers.rollbacks import spell_out
from dagwarden.handlers.stages import Stages
from dagwarden.ledger.read import Ledger
from dagwarden.names import EnvironmentName, ReleaseNumber, ReleasePath, parse_inbox_object
from dagwarden.push.manifest import Put
from dagwarden.sync.replica import Replica
from dagwarden.sync.trees import Tree
from dagwarden.validate.engine import Validator
from dagwarden.validate.report import ValidateSettings
from dagwarden.validate.request import ValidateAnswer, ValidateRequest, audience_of
from dagwarden.validate.standing import Standing, Table, validate_next
from dagwarden.validate.tree import TreeReport
from dagwarden.wire import decode, encode

STATUSES: tuple[tuple[type[DagwardenError], int], ...] = (
    (AccessDenied, 403),
    (Contended, 412),
    (PreconditionFailed, 412),
    (NotFound, 404),
    (Permanent, 400),
    (DagwardenError, 503),
)
"""First match wins. A call that lost its base to a newer release is told so by 412, and asks again on the new head."""

Answer = tuple[bytes, int, dict[str, str]]
JSON = {"content-type": "application/json"}


class _Room(msgspec.Struct, kw_only=True):
    """What is kept of one environment from call to call."""

    replica: Replica
    standing: Standing | None = None
    settings: ValidateSettings | None = None
    """Those that `standing` was made with."""
    tidying: Future[None] | None = None


class ValidateService:
    """One for each process; what it keeps is a cache of the ledger, and of what imports said. One call at a time.

    Args:
        folder: where the replicas lie; memory on Cloud Run.
    """

    def __init__(self, cloud: Cloud, folder: Path, *, make_validator: Callable[[], Validator] = Validator) -> None:
        self._cloud = cloud
        self._ledger = Ledger(cloud)
        self._folder = folder
        self._validator = make_validator()
        self._rooms: dict[EnvironmentName, _Room] = {}
        self._turn = threading.Lock()
        self._tidier = ThreadPoolExecutor(1, thread_name_prefix="tidier")

    def start(self) -> None:
        """The warm parent is under way, so that the first push need not wait for Airflow."""
        self._validator.start()

    def close(self) -> None:
        """No process of ours is left."""
        with self._turn:
            self._tidier.shutdown()
            self._validator.close()
            for room in self._rooms.values():
                room.replica.close()

    def handle(self, request: ValidateRequest) -> ValidateAnswer:
        """What is known of the files that the push affects, on top of the release named.

        Raises:
            InvalidInput: the event is of nothing that can be offered, or the push cannot be laid down as it is.
            NotFound: that generation, or that release, is gone.
            Contended: a newer release has been seen.
            Tampered: the ledger or the store do not hold together.
            Transient: something does not answer.
        """
        stages = Stages()
        named = parse_inbox_object(request.event.name)
        if named is None or named.environment != request.environment:
            raise InvalidInput("is no push", operation="validate", subject=request.event.resource)
        with stages.time("read"):
            offer = read_offer(self._cloud, request.event, named, request.limits)
        if any(isinstance(change, Put) and change.path not in offer.files for change in offer.manifest.changes):
            raise InvalidInput("does not hold what it lists", operation="validate", subject=request.event.resource)
        with self._turn:
            return self._validate(request, offer, stages)

    def _validate(self, request: ValidateRequest, offer: Offer, stages: Stages) -> ValidateAnswer:
        room = self._room(request.environment)
        if room.settings != request.settings:
            room.standing, room.settings = None, request.settings
        with stages.time("follow"):
            if room.tidying is not None:
                room.tidying.result()
            tree = room.replica.follow(request.base)
        back_to = offer.manifest.rollback_to
        if back_to is not None:
            state, target = (self._ledger.state(request.environment, number) for number in (request.base, back_to))
            offer = spell_out(self._ledger, offer, state, target)
        changes = offer.manifest.changes
        pushed = [change.path for change in changes]
        try:
            with stages.time("overlay"):
                root = room.replica.overlay(changes, offer.files)
            with stages.time("import"):
                room.standing, report = validate_next(
                    self._validator, room.standing, root, table=_table(tree, offer), pushed=pushed,
                    settings=request.settings, base=room.replica.folder(tree),
                )  # fmt: skip
        finally:
            room.tidying = self._tidier.submit(room.replica.tidy)
        answer = make_answer(room.standing, report, pushed, request.base)
        return msgspec.structs.replace(answer, stages_ms=stages.to_ms())

    def _room(self, environment: EnvironmentName) -> _Room:
        room = self._rooms.get(environment)
        if room is None:
            room = _Room(replica=Replica(self._ledger, environment, self._folder / environment))
            self._rooms[environment] = room
        return room


def make_answer(
    standing: Standing, report: TreeReport, pushed: Collection[ReleasePath], base: ReleaseNumber
) -> ValidateAnswer:
    """What is told of a tree to whoever pushes these paths onto a release."""
    files, reports = {*report.imported, *pushed}, standing.reports
    return ValidateAnswer(
        base=base,
        imported=report.imported,
        findings=report.findings,
        models=tuple(model for model in report.models if model.path in files),
        import_seconds={path: reports[path].seconds for path in report.imported if path in reports},
        is_whole=report.is_whole,
    )


def _table(tree: Tree, offer: Offer) -> Table:
    table = {path: file.sha256 for path, file in tree.files.items()}
    for change in offer.manifest.changes:
        if isinstance(change, Put):
            table[ReleasePath(change.path)] = change.sha256
        else:
            table.pop(change.path, None)
    return table


def respond(service: ValidateService, cloud: Cloud, authorization: str, body: bytes) -> Answer:
    """Body, status and headers for one POST.

    Args:
        authorization: the header of that name.
    """
    settings = cloud.settings
    try:
        check_caller(
            authorization,
            caller=settings.gate_service_account,
            audience=audience_of(settings.project),
            certificates=cloud.certificates,
        )
        request = decode(ValidateRequest, body, subject="validate request")
        return encode(service.handle(request)), 200, JSON
    except DagwardenError as error:
        status = next(status for kind, status in STATUSES if isinstance(error, kind))
        return encode({"error": {"code": status, "message": str(error)}}), status, JSON
