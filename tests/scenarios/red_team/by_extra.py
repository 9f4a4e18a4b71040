# ruff: noqa: E501 (one attempt a line: literal data)
"""Attempts through connections that a DAG brings along: whose account, key or chain stands in what code makes."""

from __future__ import annotations

from tests.scenarios.red_team.attempt import FINANCE, SALES, Attempt
from tests.scenarios.red_team.by_argument import ACCOUNT, BQ, CONNECTION

UNREADABLE, VARIABLE = "identity-unreadable", "environment-variable-not-allowed"
OWN = f"{BQ}(task_id='t', gcp_conn_id='sales_gcp')"


def made(name: str, rule: str, line: str, says: str, good: str = "return Connection.get('sales_gcp')") -> Attempt:
    """A function that makes a connection, and one that reads the team's own."""
    bad, twin = (_write(f"from airflow.sdk import Connection\n    {each}") for each in (line, good))
    return Attempt(name, rule, bad, twin, says)


def placed(name: str, bad: str, good: str, says: str) -> Attempt:
    """A function that gives the process a variable."""
    return Attempt(name, VARIABLE, _write(f"import os\n    {bad}"), _write(f"import os\n    {good}"), says)


def _write(body: str) -> str:
    return f"#\n@task\ndef load():\n    {body}\nwith DAG('NAME', schedule=None):\n    load() >> {OWN}"


GOOGLE = "conn_id='sales_gcp', conn_type='google_cloud_platform'"
URI = "google-cloud-platform://?extra__google_cloud_platform__key_path=/var/finance.json"

BY_EXTRA: tuple[Attempt, ...] = (
    made("`key_path` of a connection made in a function", UNREADABLE, f"return Connection({GOOGLE}, extra={{'key_path': '/var/finance.json'}}).get_hook()", "Connection(…)"),
    made("`keyfile_dict` of a connection made in a function", UNREADABLE, f"return Connection({GOOGLE}, extra={{'keyfile_dict': open('/var/finance.json').read()}}).get_hook()", "Connection(…)"),
    made("`key_secret_name` of a connection made in a function", UNREADABLE, f"return Connection({GOOGLE}, extra={{'key_secret_name': 'finance-key'}}).get_hook()", "Connection(…)"),
    made("`impersonation_chain` of a connection made in a function", ACCOUNT, f"return Connection({GOOGLE}, extra={{'impersonation_chain': '{FINANCE}'}}).get_hook()", FINANCE),
    made("a connection made under another name", UNREADABLE, f"from airflow.sdk import Connection as C\n    Made = C\n    return Made({GOOGLE}, extra={{'key_path': '/var/finance.json'}}).get_hook()", "Connection(…)"),
    made("a connection made from a URI", UNREADABLE, f"return Connection(uri='{URI}').get_hook()", "Connection(…)"),
    made("a connection made from JSON", UNREADABLE, "return Connection.from_json(open('/var/finance.json').read())", "Connection(…)"),
    made("a connection made of what nobody sees", UNREADABLE, "return Connection(**dict(conn_id='sales_gcp'))", "Connection(…)"),
    Attempt("a connection made while the file is imported", UNREADABLE,
            f"#\nfrom airflow.sdk import Connection\nmade = Connection({GOOGLE}, extra='{{\"key_path\": \"/var/finance.json\"}}')\nwith DAG('NAME', schedule=None):\n    {OWN}",
            f"#\nfrom airflow.sdk import Connection\nwith DAG('NAME', schedule=None):\n    {OWN}", "Connection(…)"),
    made("a hook that is given a URI", CONNECTION, f"from airflow.providers.google.cloud.hooks.gcs import GCSHook; return GCSHook(gcp_conn_id='{URI}')", URI,
         "from airflow.providers.google.cloud.hooks.gcs import GCSHook; return GCSHook(gcp_conn_id='sales_gcp')"),
    placed("a function that defines a connection for its process", f"os.environ['AIRFLOW_CONN_SALES_GCP'] = '{URI}'", "os.environ['SALES_REGION'] = 'eu'", "AIRFLOW_CONN_SALES_GCP"),
    placed("`os.putenv`", f"os.putenv('AIRFLOW_CONN_SALES_GCP', '{URI}')", "os.putenv('SALES_REGION', 'eu')", "AIRFLOW_CONN_SALES_GCP"),
    placed("a variable's name in two halves", f"os.environ['AIRFLOW_' + 'CONN_SALES_GCP'] = '{URI}'", "os.environ['SALES_' + 'REGION'] = 'eu'", "AIRFLOW_CONN_SALES_GCP"),
    placed("a variable's name made at run time", f"os.environ[f'AIRFLOW_CONN_{{os.getpid()}}'] = '{URI}'", "os.environ[f'SALES_{os.getpid()}'] = 'eu'", "AIRFLOW_CONN_*"),
    placed("another backend for secrets", "os.environ['AIRFLOW__SECRETS__BACKEND_KWARGS'] = '{}'", "os.environ['SALES__KWARGS'] = '{}'", "AIRFLOW__SECRETS__BACKEND_KWARGS"),
    Attempt("a file that defines a connection while it is imported", VARIABLE,
            f"#\nimport os\nos.environ['AIRFLOW_CONN_SALES_GCP'] = '{URI}'\nwith DAG('NAME', schedule=None):\n    {OWN}",
            f"#\nimport os\nprint(os.environ.get('SALES_REGION'))\nwith DAG('NAME', schedule=None):\n    {OWN}", "AIRFLOW_CONN_SALES_GCP"),
    Attempt("a pod whose connection is another", VARIABLE,
            f"KubernetesPodOperator(task_id='t', env_vars={{'AIRFLOW_CONN_SALES_GCP': '{URI}'}})",
            "KubernetesPodOperator(task_id='t', env_vars={'SALES_REGION': 'eu'})", "AIRFLOW_CONN_SALES_GCP"),
    Attempt("a script that defines a connection", VARIABLE,
            "BashOperator(task_id='t', bash_command='bash WORKERS.sh')", "BashOperator(task_id='t', bash_command='bash WORKERS.sh')", "AIRFLOW_CONN_SALES_GCP",
            beside={"WORKERS.sh": f"export AIRFLOW_CONN_SALES_GCP='{URI}'\n"}, beside_good={"WORKERS.sh": f"export SALES_WHO='{SALES}'\n"}),
)  # fmt: skip
