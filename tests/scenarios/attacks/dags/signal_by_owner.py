import fcntl
import os
import socket

one, other = socket.socketpair()
fcntl.fcntl(one, fcntl.F_SETOWN, os.getppid())
