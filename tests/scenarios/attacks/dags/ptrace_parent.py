import ctypes
import os

libc = ctypes.CDLL(None, use_errno=True)
if libc.ptrace(16, os.getppid(), 0, 0) == 0:
    os._exit(42)
raise OSError(ctypes.get_errno(), "ptrace")
