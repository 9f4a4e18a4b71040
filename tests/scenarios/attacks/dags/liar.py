from airflow.sdk import DAG
from airflow.sdk.bases.operator import BaseOperatorMeta, BaseOperator


class LyingMeta(BaseOperatorMeta):
    def __getattribute__(cls, name):
        if name == "__mro__":
            return (object,)
        return super().__getattribute__(name)


class Liar(BaseOperator, metaclass=LyingMeta):
    def __getattribute__(self, name):
        if name == "task_id":
            return "innocent"
        return super().__getattribute__(name)


class LyingDag(DAG):
    @property
    def __class__(self):
        return int

    def __getattribute__(self, name):
        if name in ("dag_id", "task_dict", "__dict__"):
            return "innocent"
        return super().__getattribute__(name)


with DAG("told_truly") as told_truly:
    Liar(task_id="guilty")
hidden = LyingDag("hidden_truth")
