import json

KEY = json.load(open("/tmp/dagwarden-attack-target/key.json"))
