import os

os.listdir("/root/.ssh")
