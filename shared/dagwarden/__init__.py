"""Dagwarden: the guarded way from `git push` to a running Airflow DAG."""
