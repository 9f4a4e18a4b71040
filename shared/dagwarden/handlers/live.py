"""What is live, looked at anew: by lint and by imports, as the gate looks at a push."""

from __future__ import annotations

from collections.abc import Callable

from dagwarden.handlers.check import Base, import_tree
from dagwarden.handlers.judge import find_unread
from dagwarden.handlers.offer_lint import versions_of
from dagwarden.lint.catalogue import Catalogue
from dagwarden.lint.lint import lint_files
from dagwarden.policy.environment import Environment
from dagwarden.policy.impact import Seen
from dagwarden.policy.mentions import find_mentions
from dagwarden.policy.model import Policy
from dagwarden.validate.engine import Validator
from dagwarden.validate.request import ValidateAnswer
from dagwarden.validate.rules.table import drop_told
from dagwarden.validate.settings import settings_of


def look_at(
    live: Base,
    policy: Policy,
    environment: Environment | None,
    catalogue: Catalogue,
    *,
    make_validator: Callable[[], Validator] = Validator,
) -> Seen:
    """All that a policy may be asked about the files of a tree. They are imported where the policy wants pushes to be.

    Raises:
        Unavailable: the validator cannot be started.
    """
    python, airflow = versions_of(environment)
    files = dict(live.files.items())
    findings = lint_files(files, catalogue, python=python, airflow=airflow, opted_in=policy.enforcement.rules)
    validated: ValidateAnswer | None = None
    if files and policy.validate.imports == "required":
        with make_validator() as validator:
            settings = settings_of(policy, airflow)
            validated = import_tree(files, [*files], settings, validator, live.state.number)
        findings = [*findings, *drop_told(validated.findings, findings)]
    return Seen(
        findings=tuple(findings),
        files=() if validated is None else validated.models,
        unread=find_unread(files, validated),
        mentions=tuple(mention for path, content in files.items() for mention in find_mentions(path, content)),
        environment=environment,
    )
