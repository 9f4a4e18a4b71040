from airflow.sdk import DAG
from airflow.providers.standard.operators.empty import EmptyOperator

with DAG("harmless", default_args={"owner": "harmless"}):
    EmptyOperator(task_id="first") >> EmptyOperator(task_id="second")
