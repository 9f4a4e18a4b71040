from airflow.sdk import DAG


def lie(self):
    return None


DAG.check_cycle.__code__ = lie.__code__
