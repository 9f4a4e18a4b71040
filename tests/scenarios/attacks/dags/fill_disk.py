import os
import tempfile

folder = tempfile.mkdtemp()
for number in range(1_000_000):
    with open(os.path.join(folder, str(number)), "wb") as file:
        file.write(bytes(8 << 20))
