from airflow.sdk import DAG, BaseOperator

original = BaseOperator.__init__


def innocent(self, *arguments, **named):
    named.pop("service_account_name", None)
    original(self, *arguments, **named)


DAG.validate = lambda self: None
BaseOperator.__init__ = innocent

with DAG("patched"):
    BaseOperator(task_id="a")
