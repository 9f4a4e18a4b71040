"""The walls around one import: one layer to a module, each irreversible for the process that raises it."""
