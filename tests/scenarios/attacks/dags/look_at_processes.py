import os

for pid in os.listdir("/proc"):
    if pid.isdigit():
        print(open(f"/proc/{pid}/environ").read())
