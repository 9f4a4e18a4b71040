import atexit
import os
import sys
import threading
import time


def linger():
    while True:
        time.sleep(0.01)


threading.Thread(target=linger).start()
atexit.register(linger)
sys.path.insert(0, "/nowhere")
sys.modules["json"] = None
os.environ["AIRFLOW__CORE__FERNET_KEY"] = "mine"
os.environ.clear()
