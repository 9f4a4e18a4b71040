import json
import os

LIE = {"type": "report", "dags": [{"dag_id": "innocent", "task_ids": ["a"]}]}
content = json.dumps(LIE).encode()
for descriptor in range(1024):
    try:
        os.write(descriptor, bytes(16) + len(content).to_bytes(4, "big") + content)
    except OSError:
        pass
os._exit(0)
