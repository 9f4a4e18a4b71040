import subprocess

VERSION = subprocess.check_output(["git", "rev-parse", "HEAD"])
