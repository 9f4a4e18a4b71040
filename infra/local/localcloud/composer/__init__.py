"""Cloud Composer of the local cloud: environments with settings, and nothing that runs in them."""
