from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG

EmptyOperator.execute = lambda self, context: None

with DAG("patched", default_args={"owner": "nobody", "retries": 1}):
    EmptyOperator(task_id="innocent")
