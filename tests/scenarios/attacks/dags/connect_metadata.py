import socket

socket.create_connection(("169.254.169.254", 80), timeout=1)
