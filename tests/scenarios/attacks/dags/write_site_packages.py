from pathlib import Path

import airflow

Path(airflow.__file__).with_name("implanted.py").write_text("print('here')")
