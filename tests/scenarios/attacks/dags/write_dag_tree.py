from pathlib import Path

Path(__file__).with_name("harmless.py").write_text("raise SystemExit")
