"""Which package a module that cannot be found would come with, and what the validator itself needs installed."""

from __future__ import annotations

from dagwarden.policy.environment import Environment

PROVIDER_FAMILIES = ("apache", "atlassian", "cncf", "common", "dbt", "microsoft")
"""Their packages have one name more, as apache-airflow-providers-cncf-kubernetes."""
NAMES: dict[str, str] = {
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python",
    "dateutil": "python-dateutil",
    "dotenv": "python-dotenv",
    "jwt": "PyJWT",
    "MySQLdb": "mysqlclient",
    "PIL": "pillow",
    "psycopg2": "psycopg2-binary",
    "sklearn": "scikit-learn",
    "snowflake": "snowflake-connector-python",
    "yaml": "PyYAML",
}
"""Modules whose package has another name."""
NAMESPACES = {"google.cloud": 3, "azure": 3, "google": 2}
"""Names that many packages share, and how many parts of a module's name make the package's."""

OWN = ("msgspec", "pathspec", "pyseccomp")
"""What the process that imports DAG files needs beside Airflow: it runs on the environment's own packages."""
CONSTRAINTS = "https://raw.githubusercontent.com/apache/airflow/constraints-{airflow}/constraints-{python}.txt"
"""Source: airflow.apache.org/docs/apache-airflow/stable/installation/installing-from-pypi.html."""


def name_package(module: str) -> str:
    """The package on PyPI that has a module, as far as can be told from its name.

    >>> name_package("airflow.providers.cncf.kubernetes.operators.pod")
    'apache-airflow-providers-cncf-kubernetes'
    >>> name_package("google.cloud.bigquery_datatransfer"), name_package("yaml"), name_package("left_pad.x")
    ('google-cloud-bigquery-datatransfer', 'PyYAML', 'left-pad')
    """
    parts = module.split(".")
    if parts[:2] == ["airflow", "providers"]:
        inner = parts[2:4] if parts[2:3] and parts[2] in PROVIDER_FAMILIES else parts[2:3]
        return "-".join(["apache-airflow-providers", *inner])
    for namespace, count in NAMESPACES.items():
        if module.startswith(f"{namespace}."):
            return "-".join(parts[:count]).replace("_", "-")
    return NAMES.get(parts[0], parts[0].replace("_", "-"))


def write_requirements(environment: Environment) -> str:
    """What pip installs where DAG files of this environment are imported: its Airflow and packages, held to Airflow's
    own constraints, and what the validator needs.

    Raises:
        InvalidInput: the environment does not say which release of Airflow it runs.
    """
    release = environment.release()
    python = ".".join(map(str, environment.python))
    lines = [
        f"# What {environment.name} imports DAG files with. Written by `dagwarden env image`; do not edit.",
        f"--constraint {CONSTRAINTS.format(airflow=release, python=python)}",
        f"apache-airflow=={release}",
        *environment.packages,
        "# The validator's own:",
        *OWN,
    ]
    return "\n".join(lines) + "\n"
