"""Top-level names that belong to libraries, whatever folders a tree has."""

from __future__ import annotations

import sys

_WORDS = """
_pytest absl aiobotocore aiohttp airflow alembic apache_beam apprise asgiref astro astronomer asyncpg attr attrs azure
bigquery bleach boto3 botocore bs4 cachetools cattrs celery certifi chardet click clickhouse_driver cloudpickle
confluent_kafka cosmos cron_descriptor croniter cryptography cx_Oracle dask databricks datadog dateutil db_dtypes dbt
deepdiff deltalake dill distributed django dns docker docutils duckdb elasticsearch email_validator
essential_generators facebook_business faker fastapi fastavro feedparser flask flask_appbuilder flask_login fs fsspec
gcsfs geopandas gevent git github google google_auth_httplib2 googleapiclient gql graphql great_expectations greenlet
grpc gspread gunicorn gusty hdbcli hdfs hmsclient httplib2 httpx huggingface_hub hvac ibis importlib_metadata influxdb
itsdangerous jaydebeapi jenkins jinja2 jira joblib jose jsonpath_ng jsonschema jwt kafka keyring kombu kubernetes
kubernetes_asyncio langchain ldap3 lightgbm looker_sdk lxml mako markdown markupsafe marshmallow matplotlib mlflow
mock more_itertools msal msgpack msgspec mysql MySQLdb neo4j networkx newrelic nltk numpy oauthlib ollama openai
openlineage openpyxl OpenSSL opentelemetry opsgenie_sdk oracledb orjson packaging pandas pandas_gbq pandera papermill
paramiko pathspec pendulum PIL pip pkg_resources playwright plotly pluggy polars presto prestodb prometheus_client
proto psutil psycopg psycopg2 pyarrow pyathena pydantic pydantic_settings pyexasol pygments pyhive pymongo pymssql
pymysql pynessie pyodbc pypdf pyspark pytest pytz qdrant_client rasterio redis redshift_connector regex requests
requests_mock requests_oauthlib rich ruamel s3fs sagemaker salesforce scipy scrapy seaborn segment selenium sendgrid
sentry_sdk setproctitle setuptools sfdc shapely shopify simple_salesforce simplejson six sklearn slack slack_sdk
slugify smart_open smbclient snowflake soda spacy sqlalchemy sqlglot sqlmodel sqlparse sshtunnel starlette statsd
statsmodels stripe structlog tableauserverclient tabulate telegram tenacity tensorflow termcolor textual thrift
tinycss2 toml tomli torch tornado tqdm transformers trino twilio typer typing_extensions tzlocal ujson unidecode
universal_pathlib upath urllib3 uuid6 uvicorn validators vertexai vertica_python watchtower weasyprint weaviate
webdriver_manager werkzeug wheel winrm wtforms xarray xgboost xlrd xlsxwriter xmltodict yaml yarl yfinance zeep zenpy
zmq zoneinfo
"""

INSTALLED = frozenset(_WORDS.split())
"""Import names of libraries that Airflow images and DAG repositories commonly install. Airflow appends dags/ and
plugins/ to the end of sys.path, so an installed library wins over a folder of its name.

Source: `airflow/settings.py` prepare_syspath_for_config_and_plugins, `airflow/dag_processing/dagbag.py` BundleDagBag.
"""


def is_library(module: str) -> bool:
    """Whether a dotted name is of the standard library or of a well-known library."""
    top = module.partition(".")[0]
    return top in sys.stdlib_module_names or top in INSTALLED
