import ctypes
from pathlib import Path

ctypes.CDLL(str(Path(__file__).with_name("implant.so")))
