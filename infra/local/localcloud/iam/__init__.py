"""IAM of the local cloud: service accounts, keys, tokens, signatures, policies, and who may do what."""
