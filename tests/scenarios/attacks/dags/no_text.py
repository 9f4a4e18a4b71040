from airflow.sdk import DAG

try:
    open(b"/etc/\xff")
except Exception:
    pass

dag = DAG("no_text", tags=["\ud800"])
raise ValueError("\udfff")
