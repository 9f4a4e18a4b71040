"""Who may do what around an environment: bindings, accounts and keys as values, what is wrong with them, what to do."""
