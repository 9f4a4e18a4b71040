"""What one attempt is: literal data, so that the table in docs/red-team.md can be made of it."""

from __future__ import annotations

from typing import NamedTuple

SALES = "etl-sales@acme.iam.gserviceaccount.com"
"""The account that the team of the file may use."""
FINANCE = "etl-finance@acme.iam.gserviceaccount.com"
"""The account that everybody here is after."""
WORKER = "composer-prod@acme.iam.gserviceaccount.com"
"""The environment's own."""

POLICY = f"""\
apiVersion: dagwarden/v1
kind: Policy
pushers:
  - name: sales
    principals: ["sales-ci@acme.iam.gserviceaccount.com"]
    paths: ["dags/**", "plugins/**"]
teams:
  - name: sales
    paths: ["dags/sales/**"]
    may_use:
      service_accounts: ["etl-sales@acme.iam.gserviceaccount.com"]
      impersonation: ["etl-sales*@acme*.iam.gserviceaccount.com", "{WORKER}"]
      delegates: ["broker-sales@acme.iam.gserviceaccount.com"]
      connections: ["sales_*", "aws_sales"]
      kubernetes_service_accounts: ["sales*", "d*"]
      namespaces: ["sales"]
      images: ["eu.gcr.io/acme-sales/*"]
      pools: ["sales*"]
      queues: ["sales*"]
      environment_variables: ["*"]
      secrets: ["sales-*"]
      encryption_keys: ["projects/acme/locations/eu/keyRings/sales/*"]
  - name: finance
    paths: ["dags/finance/**"]
    may_use:
      service_accounts: ["{FINANCE}"]
      impersonation: ["{FINANCE}"]
      connections: ["finance_*"]
identities:
  projects: ["acme"]
"""


class Attempt(NamedTuple):
    """One way to get a task run as somebody else, and its benign twin."""

    name: str
    """What is tried: completes "a task runs as another by …"."""
    rule: str
    """The finding that must tell it."""
    bad: str
    """A file, or what stands in the `with DAG` of one."""
    good: str
    """The twin: it must pass."""
    says: str = FINANCE
    """What the finding must name."""
    path: str = ""
    """Of the DAG file, where it matters; the twin's is that of the team."""
    beside: dict[str, str] = {}  # noqa: RUF012 (a tuple's default, never changed)
    """Other files of the attempt: name in the team's folder -> text."""
    beside_good: dict[str, str] = {}  # noqa: RUF012
    is_reported: bool = False
    """Whether it is told and not denied, unless the policy raises the rule."""


HEAD = """\
from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG, TaskGroup, dag, task
from standins import *
"""


def write_file(text: str, name: str) -> str:
    """The text of a DAG file; a body is put into a DAG, a whole file starts with `#`."""
    if text.startswith("#"):
        return f"{HEAD}{text}\n"
    body = "\n".join(f"    {line}" for line in text.split("\n"))
    return f'{HEAD}\nwith DAG("{name}", schedule=None):\n{body}\n'
